using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

public sealed class TimerOptionsTests
{
    [Fact]
    public void The_defaults_are_valid_and_the_generated_node_id_is_unique()
    {
        var store = new InMemoryStore();
        var a = new DistributedTimer(store);
        var b = new DistributedTimer(store);
        a.Namespace.ShouldBe("dt");
        a.MaxEvents.ShouldBe(200);
        a.NodeId.ShouldNotBe(b.NodeId);
        a.NodeId.ShouldContain($"-{Environment.ProcessId}-");
        a.IsJoined.ShouldBeFalse();
    }

    [Fact]
    public void All_failures_are_listed_at_once_with_their_values()
    {
        var options = new TimerOptions
        {
            Namespace = "",
            NodeId = "\ud800",
            MaxEvents = 201,
            MaxInFlight = 0,
            MaxConcurrency = -1,
            LeaseDuration = TimeSpan.FromMilliseconds(99),
            MaxHandlingTime = TimeSpan.FromDays(31),
            ShutdownTimeout = TimeSpan.FromSeconds(-1),
            MaxPayloadBytes = 0,
            DeadLetterRetention = TimeSpan.Zero,
            MaxDeadLetters = -2,
            CompletedRetention = TimeSpan.FromMilliseconds(999),
            Confirmation = (Confirmation)7,
            TimeProvider = null!,
            Backoff = new() { Initial = TimeSpan.FromSeconds(-3), Max = TimeSpan.MaxValue, Factor = double.NaN, Jitter = 1.5 },
        };
        string message = Should.Throw<ArgumentException>(() => new DistributedTimer(new InMemoryStore(), options)).Message;
        foreach (string part in (string[])
        [
            "'Namespace' must have 1 to 512 bytes of UTF-8; it has 0", "'NodeId' is not valid Unicode", "'MaxEvents' must be between 1 and 200; it is 201",
            "'MaxInFlight' must be between 1 and 100000; it is 0", "MaxConcurrency", "it is -1", "'LeaseDuration' must be between 100ms and 1d; it is 99ms",
            "MaxHandlingTime", "ShutdownTimeout", "MaxPayloadBytes", "DeadLetterRetention", "MaxDeadLetters", "'CompletedRetention' must be zero, or between 1s and 36500d; it is 999ms",
            "'Confirmation' must be one of AfterHandler, Manual, OnDelivery; it is 7", "'TimeProvider' must not be null",
            "Backoff.Initial", "Backoff.Max", "'Backoff.Factor' must be between 1 and 100; it is NaN", "'Backoff.Jitter' must be between 0 and 1; it is 1.5",
        ])
        {
            message.ShouldContain(part);
        }
    }

    [Fact]
    public void Options_are_copied()
    {
        var options = new TimerOptions { MaxEvents = 5, Namespace = "a" };
        var timer = new DistributedTimer(new InMemoryStore(), options);
        options.MaxEvents = 6;
        options.Namespace = "b";
        (timer.MaxEvents, timer.Namespace).ShouldBe((5, "a"));
    }

    [Fact]
    public void A_backoff_that_is_null_is_refused_by_name() =>
        Should.Throw<ArgumentException>(() => new DistributedTimer(new InMemoryStore(), new TimerOptions { Backoff = null! })).Message.ShouldContain("'Backoff' must not be null");

    [Fact]
    public void The_documentation_has_the_options_of_timers_lockers_hosts_health_and_schedules()
    {
        OptionDocs.Check<TimerOptions>("options.md", "Timers", TimerOptions.Set.Describe(), "Latchwork/Timers/TimerOptions.cs", "Latchwork/Timers/RetryBackoff.cs");
        OptionDocs.Check<LockerOptions>("options.md", "The locker", LockerOptions.Set.Describe(), "Latchwork/Locking/LockerOptions.cs");
        OptionDocs.Check<LatchworkOptions>("options.md", "A host", LatchworkOptions.Set.Describe(), "Latchwork/Hosting/LatchworkOptions.cs");
        OptionDocs.Check<LatchworkHealthOptions>("options.md", "Health", LatchworkHealthOptions.Set.Describe(), "Latchwork/Hosting/LatchworkHealthOptions.cs");
        OptionDocs.Check<ScheduleOptions>("schedules.md", "Options", ScheduleOptions.Set.Describe(), "Latchwork/Timers/Schedules/ScheduleOptions.cs");
    }
}
