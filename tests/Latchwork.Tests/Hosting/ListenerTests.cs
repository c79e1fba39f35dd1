using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

public sealed class ListenerTests : IAsyncLifetime
{
    private static readonly TimeSpan _now = TimeSpan.Zero;
    private readonly SharedStore _store = new();
    private readonly TestApp _app = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Listening_begins_after_everything_else_has_started()
    {
        var last = new LastToStart(() => _store.Calls.Calls("SubscribeAsync") + _store.Calls.Calls("ClaimAsync"));
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>("orders", (_, _, _) => Task.CompletedTask);
        _app.Services.AddSingleton<IHostedService>(last);
        await _app.StartAsync();

        await JoinedAsync("orders");

        last.Seen.ShouldBe(0);
    }

    [Fact]
    public async Task A_stop_lets_running_handlers_finish_hands_the_rest_back_at_once_and_claims_no_more()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var handled = new ConcurrentQueue<string>();
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>(
            "orders",
            async (value, delivery, _) =>
            {
                started.TrySetResult();
                await finish.Task.WaitAsync(delivery.Lost);
                handled.Enqueue(value);
            },
            options => options.MaxConcurrency = 1);
        IDistributedTimer<string> timer = _app.Get<IDistributedTimer<string>>();
        await timer.PostAsync([.. Enumerable.Range(1, 5).Select(i => new TimerPost<string>($"{i}", _now, new() { Id = $"{i}" }))]);
        await _app.StartAsync();
        await started.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Task stopping = _app.StopAsync();
        await using var observer = new DistributedTimer(_store.Store, new() { Namespace = "orders" });
        TimerStats stats = await Eventually.ReadsAsync(() => observer.GetStatsAsync(), one => one is { Scheduled: 4, InFlight: 1 }, "what was not begun is back");
        stopping.IsCompleted.ShouldBeFalse();
        int claims = _store.Calls.Calls("ClaimAsync");
        finish.SetResult();
        await stopping;

        handled.Count.ShouldBe(1);
        _store.Calls.Calls("ClaimAsync").ShouldBe(claims);
        stats = await observer.GetStatsAsync();
        (stats.Scheduled, stats.InFlight, stats.DeadLetters).ShouldBe((4, 0, 0));
        await foreach (TimerSnapshot left in observer.UpcomingAsync()) left.Retries.ShouldBe(0);
        (await observer.GetNodesAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task When_the_shutdown_begins_handlers_are_told_to_stop_and_when_its_time_is_over_that_there_is_none_left()
    {
        var started = new TaskCompletionSource<TimerDelivery>(TaskCreationOptions.RunContinuationsAsynchronously);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>("orders", async (_, delivery, stop) =>
        {
            started.TrySetResult(delivery);
            await using CancellationTokenRegistration registration = stop.Register(() => told.TrySetResult());
            await told.Task;
            await Task.Delay(Timeout.Infinite, delivery.Lost);
        });
        await _app.StartAsync();
        await _app.Get<IDistributedTimer<string>>().PostAsync("x", _now, new() { Id = "x", MaxRetries = 0 });
        TimerDelivery delivery = await started.Task.WaitAsync(TimeSpan.FromSeconds(30));

        using var shutdown = new CancellationTokenSource();
        Task stopping = _app.StopAsync(shutdown.Token);
        await told.Task.WaitAsync(TimeSpan.FromSeconds(30));
        (delivery.StopReason, delivery.Lost.IsCancellationRequested).ShouldBe((StopReason.NodeLeaving, false));
        await shutdown.CancelAsync();
        await stopping.ContinueWith(static _ => { }, TaskScheduler.Default);

        await Eventually.HoldsAsync(() => delivery.Lost.IsCancellationRequested, "there is no time left");
        await using var observer = new DistributedTimer(_store.Store, new() { Namespace = "orders" });
        (await Eventually.ReadsAsync(() => observer.PeekAsync("x"), one => one!.State == TimerState.Scheduled, "it is handed back"))!.Retries.ShouldBe(0);
        _app.Log.Entries.Where(entry => entry.Text.Contains("A handler failed", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_handler_that_stops_the_application_does_not_wait_for_itself()
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>(
            "orders",
            async (_, _, _) =>
            {
                await _app.StopAsync();
                stopped.SetResult();
            },
            options => options.ShutdownTimeout = TimeSpan.FromHours(1));
        await _app.StartAsync();
        await _app.Get<IDistributedTimer<string>>().PostAsync("x", _now, new() { Id = "x", MaxRetries = 0 });

        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(25)); // the host would give up after 30 s
        await using var observer = new DistributedTimer(_store.Store, new() { Namespace = "orders" });
        await Eventually.ReadsAsync(() => observer.GetStatsAsync(), one => one is { Scheduled: 0, InFlight: 0, DeadLetters: 0 }, "it is confirmed");
    }

    [Fact]
    public async Task A_store_that_is_down_at_start_keeps_nobody_from_starting_and_is_reported_once_for_each_change()
    {
        var source = new StubbornSource(_store.Store);
        var handled = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Services.AddLatchwork(options => options.StoreUnavailableTimeout = TimeSpan.Zero).UseStore("Stubborn", (_, _) => source).AddTimer<string>("orders", (value, _, _) =>
        {
            handled.TrySetResult(value);
            return Task.CompletedTask;
        });

        await _app.StartAsync();
        await Eventually.HoldsAsync(() => source.Attempts >= 3, "the store is tried again and again");
        LatchworkStoreException failure = await Should.ThrowAsync<LatchworkStoreException>(() => _app.Get<IDistributedTimer<string>>().PostAsync("too early", _now));
        (failure.Outcome, failure.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        failure.Message.ShouldContain("stubborn://");
        failure.Message.ShouldContain("not today");
        source.Open();
        await JoinedAsync("orders");
        await _app.Get<IDistributedTimer<string>>().PostAsync("in time", _now);

        (await handled.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("in time");
        (_app.Log.Count(4001), _app.Log.Count(4003)).ShouldBe((1, 1));
        _app.Log.Count(4005).ShouldBe(0);
    }

    [Fact]
    public async Task A_store_that_refuses_is_reported_once_and_operations_are_told_at_once_why()
    {
        var source = new StubbornSource(_store.Store) { Refuses = true };
        _app.Services.AddLatchwork(options => options.StoreUnavailableTimeout = TimeSpan.FromMinutes(10)).UseStore("Stubborn", (_, _) => source).AddTimer<string>("orders");
        await _app.StartAsync();

        // It would wait ten minutes for a store that is merely away.
        LatchworkStoreException failure = await Should.ThrowAsync<LatchworkStoreException>(() => _app.Get<IDistributedTimer<string>>().PostAsync("x", _now).WaitAsync(TimeSpan.FromMinutes(1)));

        failure.IsTransient.ShouldBeFalse();
        failure.Message.ShouldContain("wrong password");
        await Eventually.HoldsAsync(() => source.Attempts >= 3, "the store is tried again and again");
        _app.Log.Count(4001).ShouldBe(1);
    }

    [Fact]
    public async Task Operations_wait_for_a_store_that_is_on_its_way()
    {
        var source = new StubbornSource(_store.Store);
        _app.Services.AddLatchwork(options => options.StoreUnavailableTimeout = TimeSpan.FromMinutes(10)).UseStore("Stubborn", (_, _) => source).AddTimer<string>("orders");
        await _app.StartAsync();

        Task<PostResult> posting = _app.Get<IDistributedTimer<string>>().PostAsync("x", _now);
        using var impatient = new CancellationTokenSource();
        Task<string> running = _app.Get<IProcessLocker>().RunOnceAsync("key", (_, _) => Task.FromResult("done"), cancellationToken: impatient.Token);
        await Eventually.HoldsAsync(() => source.Attempts >= 2, "the store is tried");
        (posting.IsCompleted, running.IsCompleted).ShouldBe((false, false));
        source.Open();

        (await posting).Outcome.ShouldBe(PostOutcome.Created);
        (await running).ShouldBe("done");
    }

    [Fact]
    public async Task A_namespace_that_cannot_be_joined_is_tried_again_and_reported_once_for_each_change()
    {
        _store.Calls.FailAlways("OpenAsync", Fault.FailedTask);
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>("orders", (_, _, _) => Task.CompletedTask);
        await _app.StartAsync();
        await Eventually.HoldsAsync(() => _store.Calls.Calls("OpenAsync") >= 3, "joining is tried again and again");

        _store.Calls.FailAlways("OpenAsync", null);
        await JoinedAsync("orders");

        await Eventually.HoldsAsync(() => _app.Log.Count(4009) == 1, "the change is logged");
        _app.Log.Count(4005).ShouldBe(1);
    }

    [Fact]
    public async Task A_provider_that_is_disposed_without_a_stop_waits_for_no_handler()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var app = new TestApp();
        app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<string>("orders", async (_, _, stop) =>
        {
            started.TrySetResult();
            await using CancellationTokenRegistration registration = stop.Register(() => told.TrySetResult());
            await told.Task;
        });
        await app.StartAsync();
        await app.Get<IDistributedTimer<string>>().PostAsync("x", _now);
        await started.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await ((IAsyncDisposable)app.Host).DisposeAsync();

        await told.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private Task JoinedAsync(string ns) => Eventually.HoldsAsync(() => _app.Get<DistributedTimer>(ns).IsJoined, $"{ns} is joined");

    private sealed class LastToStart(Func<int> look) : IHostedLifecycleService
    {
        public int Seen { get; private set; }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken)
        {
            Seen = look();
            return Task.CompletedTask;
        }

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class StubbornSource(LatchworkStore store) : LatchworkStoreSource
    {
        private int _attempts;
        private volatile bool _open;

        public bool Refuses { get; init; }

        public int Attempts => Volatile.Read(ref _attempts);

        public override string Description => "stubborn://";

        public override IReadOnlyList<string> Failures => [];

        public void Open() => _open = true;

        public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _attempts);
            await Task.Yield();
            if (_open) return store;
            throw Refuses
                ? new LatchworkStoreException("The server refuses: wrong password.", StoreOutcome.NotApplied)
                : new LatchworkStoreException("Cannot connect: not today.", StoreOutcome.NotApplied) { IsTransient = true };
        }
    }
}
