using System.Globalization;
using Latchwork.Threading;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Threading;

/// <summary>The clock of leases counts the time that a machine was suspended.</summary>
public sealed class LeaseTimeTests
{
    [Fact]
    public void It_reads_the_time_since_the_machine_was_started_suspensions_included()
    {
        if (!OperatingSystem.IsLinux()) return; // where the kernel says it in a file
        LeaseTime.Instance.CountsSuspension.ShouldBeTrue();
        TimeSpan before = Uptime();
        TimeSpan read = LeaseTime.Instance.GetElapsedTime(0);
        read.ShouldBeInRange(before - TimeSpan.FromMilliseconds(20), Uptime() + TimeSpan.FromMilliseconds(20), "the kernel says it in hundredths of a second");

        static TimeSpan Uptime() => TimeSpan.FromSeconds(double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Only_the_systems_provider_is_replaced()
    {
        var other = new SuspendingTime();
        LeaseTime.For(TimeProvider.System).ShouldBeSameAs(LeaseTime.Instance);
        LeaseTime.For(other).ShouldBeSameAs(other);
        AlarmClock.For(TimeProvider.System).ShouldBeSameAs(AlarmClock.For(LeaseTime.Instance));
    }

    [Fact]
    public async Task An_alarm_that_fell_due_while_the_machine_was_suspended_fires_soon_after_it_is_back()
    {
        var time = new SuspendingTime();
        using var fired = new SemaphoreSlim(0);
        var clock = new AlarmClock(time, hasThread: true);
        using Alarm alarm = clock.CreateAlarm(() => fired.Release());
        alarm.Set(TimeSpan.FromHours(1));
        await Task.Run(() => time.Suspend(TimeSpan.FromHours(2)));
        (await fired.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBeTrue("its thread looks at the clock once a second");
    }
}
