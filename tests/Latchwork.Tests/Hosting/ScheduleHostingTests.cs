using System.Collections.Concurrent;
using System.Text;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

/// <summary>Schedules that an application declares in code and in its configuration.</summary>
public sealed class ScheduleHostingTests : IAsyncLifetime
{
    private static readonly Schedule _nightly = Schedule.Cron("0 3 * * *", "Europe/Paris");
    private readonly SharedStore _store = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Fact]
    public async Task A_schedule_is_declared_when_the_application_starts_and_its_occurrences_are_handled()
    {
        var handled = new ConcurrentQueue<string>();
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseStore(_store.Store)
            .AddTimer<string>("reports", (value, delivery, _) =>
            {
                handled.Enqueue($"{delivery.Occurrence!.ScheduleId}: {value}");
                return Task.CompletedTask;
            })
            .AddSchedule("reports", "often", Schedule.Every(TimeSpan.FromSeconds(1)), "hello", new() { Revision = 1 });
        await app.StartAsync();

        await Eventually.HoldsAsync(() => handled.Count >= 2, "two occurrences");

        handled.ShouldAllBe(text => text == "often: hello");
        ScheduleSnapshot snapshot = (await GetAsync("reports", "often")).ShouldNotBeNull();
        (snapshot.IsDeclared, snapshot.Options!.Revision).ShouldBe((true, 1L));
        app.Log.Count(4016).ShouldBe(0);
    }

    [Fact]
    public async Task The_configuration_overrides_what_it_names_and_declares_others()
    {
        await using var app = new TestApp(
            ("Latchwork:Schedules:reports:nightly:Cron", "0 4 * * *"),
            ("Latchwork:Schedules:reports:nightly:Zone", "Asia/Tokyo"),
            ("Latchwork:Schedules:reports:nightly:Overlap", "Queue"),
            ("Latchwork:Schedules:reports:hourly:Every", "1h"),
            ("Latchwork:Schedules:reports:hourly:Anchor", "2026-01-01T00:15:00Z"),
            ("Latchwork:Schedules:reports:hourly:Payload", "\"from configuration\""));
        app.Services.AddLatchwork().UseStore(_store.Store)
            .AddTimer<string>("reports", (_, _, _) => Task.CompletedTask)
            .AddSchedule("reports", "nightly", _nightly, "from code", new() { MaxRetries = 2 });
        await app.StartAsync();

        ScheduleSnapshot hourly = (await Eventually.ReadsAsync(() => GetAsync("reports", "hourly"), one => one is not null, "both are declared"))!;
        ScheduleSnapshot nightly = (await GetAsync("reports", "nightly")).ShouldNotBeNull();

        (nightly.Schedule!.ToString(), nightly.Options!.Overlap, nightly.Options.MaxRetries).ShouldBe(("0 4 * * * (Asia/Tokyo)", OverlapPolicy.Queue, 2));
        Encoding.UTF8.GetString(nightly.Payload.Span).ShouldBe("\"from code\"");
        hourly.Schedule!.ToString().ShouldBe("every 01:00:00 from 2026-01-01T00:15:00Z");
        Encoding.UTF8.GetString(hourly.Payload.Span).ShouldBe("\"from configuration\"");
    }

    [Fact]
    public async Task What_is_wrong_in_the_configuration_keeps_the_application_from_starting_and_is_named()
    {
        await using var app = new TestApp(
            ("Latchwork:Schedules:reports:a:Cron", "nonsense"),
            ("Latchwork:Schedules:reports:a:Payload", "1"),
            ("Latchwork:Schedules:reports:b:Cron", "0 3 * * *"),
            ("Latchwork:Schedules:reports:c:Cron", "0 3 * * *"),
            ("Latchwork:Schedules:reports:c:Zone", "Mars/Olympus"),
            ("Latchwork:Schedules:reports:c:Payload", "1"),
            ("Latchwork:Schedules:reports:d:Every", "soon"),
            ("Latchwork:Schedules:reports:d:Payload", "1"),
            ("Latchwork:Schedules:reports:nightly:Misfires", "All"),
            ("Latchwork:Schedules:orders:x:Cron", "0 3 * * *"));
        app.Services.AddLatchwork().UseStore(_store.Store)
            .AddTimer<string>("reports", (_, _, _) => Task.CompletedTask)
            .AddSchedule("reports", "nightly", _nightly, "x");

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.Host.StartAsync());

        string all = string.Join('\n', failure.Failures);
        all.ShouldContain("'Latchwork:Schedules:reports:a' is no schedule: 'expression' must be a cron expression of five or six fields; it is 'nonsense'");
        all.ShouldContain("'Latchwork:Schedules:reports:b:Payload' must be set");
        all.ShouldContain("'Latchwork:Schedules:reports:c' is no schedule: 'zone' must be the IANA name");
        all.ShouldContain("'Latchwork:Schedules:reports:d:Every' must be a duration");
        all.ShouldContain("Unknown setting 'Latchwork:Schedules:reports:nightly:Misfires'");
        all.ShouldContain("Unknown timer 'Latchwork:Schedules:orders'");
        all.ShouldNotContain("(Parameter");
    }

    [Fact]
    public async Task A_schedule_that_is_gone_from_the_code_is_reported_and_goes_on()
    {
        await DeclareAsync("old", isDeclared: true);
        await DeclareAsync("by-call", isDeclared: false);
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>("reports", (_, _, _) => Task.CompletedTask);
        await app.StartAsync();

        await Eventually.HoldsAsync(() => app.Log.Count(4016) == 1, "it is reported");

        app.Log.Entries.Single(entry => entry.Id == 4016).Values["Schedule"].ShouldBe("old");
        (await GetAsync("reports", "old")).ShouldNotBeNull();
    }

    [Fact]
    public async Task Only_where_that_was_asked_for_it_is_removed()
    {
        await DeclareAsync("old", isDeclared: true);
        await DeclareAsync("by-call", isDeclared: false);
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseStore(_store.Store)
            .AddTimer<string>("reports", (_, _, _) => Task.CompletedTask)
            .AddSchedule("reports", "nightly", _nightly, "x")
            .RemoveUnlistedSchedules("reports");
        await app.StartAsync();

        await Eventually.HoldsAsync(() => app.Log.Count(4017) == 1, "it is removed");

        (await GetAsync("reports", "old")).ShouldBeNull();
        (await GetAsync("reports", "nightly")).ShouldNotBeNull();
        (await GetAsync("reports", "by-call")).ShouldNotBeNull(); // no application declared it
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_tried_again()
    {
        _store.Calls.Fail("WriteAsync", Fault.FailedTask, Fault.ThrowsAtOnce);
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseStore(_store.Store)
            .AddTimer<string>("reports", (_, _, _) => Task.CompletedTask)
            .AddSchedule("reports", "nightly", _nightly, "x");
        await app.StartAsync();

        await Eventually.ReadsAsync(() => GetAsync("reports", "nightly"), one => one is not null, "it is declared");

        app.Log.Count(4011).ShouldBe(1);
        await Eventually.HoldsAsync(() => app.Log.Count(4013) == 1, "and that is said");
    }

    [Fact]
    public void What_cannot_be_declared_is_refused_at_once()
    {
        LatchworkBuilder builder = new ServiceCollection().AddLatchwork().UseInMemory().AddTimer<string>("reports");

        Should.Throw<InvalidOperationException>(() => builder.AddSchedule("orders", "nightly", _nightly, "x")).Message.ShouldContain("no namespace 'orders'");
        Should.Throw<InvalidOperationException>(() => builder.AddSchedule("reports", "nightly", _nightly, 5)).Message.ShouldContain("System.String");
        Should.Throw<ArgumentException>(() => builder.AddSchedule("reports", "a\u001Fb", _nightly, "x"));
        builder.AddSchedule("reports", "nightly", _nightly, "x");
        Should.Throw<InvalidOperationException>(() => builder.AddSchedule("reports", "nightly", _nightly, "x")).Message.ShouldContain("declared already");
        Should.Throw<InvalidOperationException>(() => builder.RemoveUnlistedSchedules("orders"));
    }

    private async Task DeclareAsync(string id, bool isDeclared)
    {
        await using var timer = new DistributedTimer(_store.Store, new() { Namespace = "reports" });
        await timer.Schedules.AddOrUpdateAsync(id, timer.Schedules.Declare(id, _nightly, "x"u8.ToArray(), null, isDeclared), default);
    }

    private async Task<ScheduleSnapshot?> GetAsync(string ns, string id)
    {
        await using var timer = new DistributedTimer(_store.Store.Inner, new() { Namespace = ns });
        return await timer.Schedules.GetAsync(id);
    }
}
