using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

public sealed class HealthTests : IAsyncLifetime
{
    private readonly ManualTimeProvider _clock = new();
    private readonly WarningStore _store;
    private TestApp _app = new();

    public HealthTests() => _store = new WarningStore(new InMemoryStore(_clock));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Unhealthy_until_the_listener_has_joined_then_healthy_then_unhealthy_from_the_shutdown_on()
    {
        _app.Services.AddLatchwork().UseStore(_store).AddTimer<string>("orders", (_, _, _) => Task.CompletedTask);
        _app.Services.AddHealthChecks().AddLatchwork();
        HealthReportEntry before = await CheckAsync();
        (before.Status, before.Description).ShouldBe((HealthStatus.Unhealthy, "Namespace 'orders' is not joined."));

        await _app.StartAsync();
        await Eventually.HoldsAsync(() => _app.Get<DistributedTimer>("orders").IsJoined, "it has joined");
        HealthReportEntry after = await CheckAsync();
        (after.Status, after.Description, after.Data["store"], after.Data["joined:orders"]).ShouldBe((HealthStatus.Healthy, "All is well.", "memory:", true));

        await _app.StopAsync();
        (await CheckAsync()).Status.ShouldBe(HealthStatus.Unhealthy);
    }

    [Theory]
    [InlineData(10, HealthStatus.Healthy)]
    [InlineData(11, HealthStatus.Degraded)]
    [InlineData(60, HealthStatus.Degraded)]
    [InlineData(61, HealthStatus.Unhealthy)]
    public async Task The_oldest_overdue_event_degrades_and_then_fails(int seconds, HealthStatus expected)
    {
        _app = new TestApp(("Latchwork:Health:UnhealthyOverdue", "1m"));
        _app.Services.AddLatchwork().UseStore(_store).AddTimer<string>("orders", (_, _, _) => Task.CompletedTask);
        // Not started, so that nobody takes the event away.
        _app.Services.AddHealthChecks().AddLatchwork(options => options.NotJoined = HealthStatus.Healthy);
        await _app.Get<IDistributedTimer<string>>().PostAsync("x", TimeSpan.Zero);
        _clock.Advance(TimeSpan.FromSeconds(seconds));

        HealthReportEntry entry = await CheckAsync();

        entry.Status.ShouldBe(expected);
        entry.Data["overdue:orders"].ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Theory]
    [InlineData(null, HealthStatus.Degraded)]
    [InlineData("Healthy", HealthStatus.Healthy)]
    public async Task A_pause_is_told_and_what_is_overdue_meanwhile_does_not_count(string? configured, HealthStatus expected)
    {
        _app = configured is null ? new TestApp() : new TestApp(("Latchwork:Health:Paused", configured));
        _app.Services.AddLatchwork().UseStore(_store).AddTimer<string>("orders", (_, _, _) => Task.CompletedTask);
        _app.Services.AddHealthChecks().AddLatchwork(options => options.NotJoined = HealthStatus.Healthy);
        IDistributedTimer<string> timer = _app.Get<IDistributedTimer<string>>();
        TimerPause pause = await timer.PauseAsync("deploy", "anna");
        await timer.PostAsync("x", TimeSpan.Zero);
        _clock.Advance(TimeSpan.FromDays(1));

        HealthReportEntry entry = await CheckAsync();

        entry.Status.ShouldBe(expected);
        entry.Description!.ShouldStartWith($"Namespace 'orders' is paused by anna since {pause.Since:u}: deploy.");
        entry.Data["paused:orders"].ShouldBe($"by anna since {pause.Since:u}: deploy");
        entry.Data["overdue:orders"].ShouldBe(TimeSpan.FromDays(1));
        (await timer.ResumeAsync()).ShouldBe(pause);
        (await CheckAsync()).ShouldSatisfyAllConditions(e => e.Status.ShouldBe(HealthStatus.Unhealthy), e => e.Data.Keys.ShouldNotContain("paused:orders"));
    }

    [Fact]
    public async Task Warnings_of_the_store_degrade_unless_they_are_accepted()
    {
        _store.Warnings = [new StoreWarning("may-evict", "The server may evict events."), new StoreWarning("no-disk", "Nothing is kept on disk.")];
        _app = new TestApp(("Latchwork:Health:AcceptedWarnings:0", "no-disk"));
        _app.Services.AddLatchwork().UseStore(_store);
        _app.Services.AddHealthChecks().AddLatchwork();

        HealthReportEntry entry = await CheckAsync();

        (entry.Status, entry.Description).ShouldBe((HealthStatus.Degraded, "The server may evict events."));
        entry.Data.Keys.ShouldContain("warning:no-disk");
    }

    [Fact]
    public async Task A_store_that_fails_or_does_not_answer_is_unhealthy_with_the_reason()
    {
        _app.Services.AddLatchwork().UseStore(_store);
        _app.Services.AddHealthChecks().AddLatchwork(options => options.Timeout = TimeSpan.FromMinutes(5));
        _app.Services.AddHealthChecks().AddLatchwork(options => options.Timeout = TimeSpan.FromMilliseconds(20), name: "impatient");

        _store.Answer = () => Task.FromException<IReadOnlyList<StoreWarning>>(new LatchworkStoreException("The server is loading.", StoreOutcome.NotApplied));
        HealthReportEntry failing = await CheckAsync();
        _store.Answer = () => new TaskCompletionSource<IReadOnlyList<StoreWarning>>().Task;
        HealthReport silence = await _app.Get<HealthCheckService>().CheckHealthAsync(check => check.Name == "impatient");
        HealthReportEntry silent = silence.Entries["impatient"];

        (failing.Status, silent.Status).ShouldBe((HealthStatus.Unhealthy, HealthStatus.Unhealthy));
        failing.Description!.ShouldContain("The server is loading.");
        failing.Exception.ShouldBeOfType<LatchworkStoreException>();
        silent.Description!.ShouldContain("did not answer within 00:00:00.02");
    }

    [Fact]
    public async Task Keyed_registrations_have_checks_of_their_own_and_the_failure_status_is_the_applications()
    {
        _store.Answer = () => Task.FromException<IReadOnlyList<StoreWarning>>(new LatchworkStoreException("down", StoreOutcome.NotApplied));
        _app.Services.AddLatchwork().UseInMemory();
        _app.Services.AddKeyedLatchwork("eu").UseStore(_store);
        _app.Services.AddHealthChecks().AddLatchwork().AddLatchwork(key: "eu", failureStatus: HealthStatus.Degraded, tags: ["ready"]);

        HealthReport report = await _app.Get<HealthCheckService>().CheckHealthAsync();

        (report.Entries["latchwork"].Status, report.Entries["latchwork-eu"].Status).ShouldBe((HealthStatus.Healthy, HealthStatus.Degraded));
        report.Entries["latchwork-eu"].Tags.ShouldBe(["ready"]);
    }

    [Fact]
    public async Task Wrong_thresholds_keep_the_application_from_starting()
    {
        _app = new TestApp(("Latchwork:Health:Timeout", "0s"), ("Latchwork:Health:NotJoined", "Bad"));
        _app.Services.AddLatchwork().UseStore(_store);
        _app.Services.AddHealthChecks().AddLatchwork(options => options.UnhealthyOverdue = TimeSpan.FromSeconds(1));

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => _app.Host.StartAsync());

        failure.Failures.ShouldBe(
            [
                "Health check 'latchwork': 'Latchwork:Health:NotJoined' must be one of Unhealthy, Degraded, Healthy; it is 'Bad'.",
                "Health check 'latchwork': 'UnhealthyOverdue' must be between 'DegradedOverdue' (10s) and 36500d; it is 1s.",
                "Health check 'latchwork': 'Timeout' must be between 10ms and 10m; it is 0s.",
            ],
            ignoreOrder: true);
    }

    [Fact]
    public void Without_a_registration_there_is_nothing_to_check() =>
        Should.Throw<InvalidOperationException>(() => new ServiceCollection().AddHealthChecks().AddLatchwork()).Message.ShouldContain("AddLatchwork()");

    private async Task<HealthReportEntry> CheckAsync() => (await _app.Get<HealthCheckService>().CheckHealthAsync()).Entries["latchwork"];

    private sealed class WarningStore(InMemoryStore inner) : LatchworkStore
    {
        public IReadOnlyList<StoreWarning> Warnings { get; set; } = [];

        public Func<Task<IReadOnlyList<StoreWarning>>>? Answer { get; set; }

        public override ITimerStore Timers => inner.Timers;

        public override ILockerStore Locks => inner.Locks;

        public override string Description => inner.Description;

        public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default) => Answer?.Invoke() ?? Task.FromResult(Warnings);

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
