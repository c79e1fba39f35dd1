using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

/// <summary>When the engine asks, seen at the contract, under a clock that stands still.</summary>
public sealed class ClaimLoopTests : IAsyncDisposable
{
    private readonly ManualTimeProvider _clock = new();
    private readonly FaultyStore _store;
    private readonly ConcurrentQueue<TimerDelivery> _got = new();
    private readonly TaskCompletionSource _finish = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DistributedTimer? _timer;

    public ClaimLoopTests()
    {
        _store = new FaultyStore(new InMemoryStore(_clock));
    }

    private FaultyTimerStore Faults => _store.Faults;

    [Fact]
    public async Task It_asks_when_the_event_is_due_and_not_before()
    {
        DistributedTimer timer = await JoinAsync();
        await timer.PostAsync(1, TimeSpan.FromMilliseconds(700));
        await Eventually.HoldsAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Due) == 1, "the notification");
        Faults.Claims.Count.ShouldBe(1);
        _clock.Advance(TimeSpan.FromMilliseconds(699));
        _got.ShouldBeEmpty();
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.HoldsAsync(() => _got.Count == 1, "delivered");
        _got.Single().Lateness.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_full_node_passes_its_role_on_at_its_wake_time_and_asks_as_soon_as_there_is_room()
    {
        DistributedTimer timer = await JoinAsync(o => o.MaxInFlight = 1);
        await timer.PostAsync(1, TimeSpan.Zero);
        await Eventually.HoldsAsync(() => _got.Count == 1, "the first");
        await timer.PostAsync(2, TimeSpan.Zero);
        int asked = Faults.Claims.Count;
        for (int i = 0; i < 40 && Faults.Claims.Count == asked; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        await AskedAsync(asked + 1);
        ClaimRequest last = Faults.Claims.Last();
        (last.Max, last.Capacity, last.Held).ShouldBe((0, 0, 1));

        // No time passes from here on.
        _finish.SetResult();
        await Eventually.HoldsAsync(() => _got.Count == 2, "the second");
    }

    [Fact]
    public async Task Failing_claims_are_repeated_with_growing_pauses()
    {
        await JoinAsync(o => o.LeaseDuration = TimeSpan.FromHours(1)); // so that no lease runs out while the clock is moved on
        Faults.FailAlways(nameof(Faults.ClaimAsync), Fault.FailsLater);
        int asked = Faults.Claims.Count;
        _clock.Advance(TimeSpan.FromSeconds(2));
        await AskedAsync(asked + 1);
        for (int i = 0; i < 100; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        // Ten seconds: once a second, not thousands of times.
        Faults.Claims.Count.ShouldBeLessThan(asked + 40);
        Faults.FailAlways(nameof(Faults.ClaimAsync), null);
        await _timer!.PostAsync(1, TimeSpan.Zero);
        await Eventually.ReadsAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(100));
                return Task.FromResult(_got.Count);
            },
            count => count == 1,
            "delivered after all");
    }

    [Fact]
    public async Task An_outage_is_logged_when_it_begins_for_each_different_failure_and_when_it_is_over()
    {
        const int Failed = 113, Again = 109, Over = 110;
        var log = new Hosting.LogRecorder();
        using ILoggerFactory loggers = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(log));
        int errors = 0;
        await JoinAsync(o =>
        {
            o.LeaseDuration = TimeSpan.FromHours(1);
            o.LoggerFactory = loggers;
        });
        _timer!.Error += (_, _) => Interlocked.Increment(ref errors);

        Faults.FailAlways(nameof(Faults.ClaimAsync), Fault.FailedTask);
        await AskedOnAsync(5);
        await LoggedAsync(() => log.Count(Failed) == 1);
        Faults.FailAlways(nameof(Faults.ClaimAsync), Fault.RequestLost);
        await AskedOnAsync(5);
        await LoggedAsync(() => log.Count(Failed) == 2);
        Faults.FailAlways(nameof(Faults.ClaimAsync), Fault.FailedTask);
        await AskedOnAsync(5);
        await LoggedAsync(() => log.Count(Again) > 8);
        (log.Count(Failed), log.Count(Over)).ShouldBe((2, 0));

        Faults.FailAlways(nameof(Faults.ClaimAsync), null);
        await AskedOnAsync(2);
        await Eventually.HoldsAsync(() => log.Count(Over) == 1, "its end");
        await LoggedAsync(() => log.Entries.Single(entry => entry.Id == Over).Text.StartsWith(
            $"Namespace {_timer.Namespace}: due events can be claimed again, after {log.Count(Failed) + log.Count(Again)} failures in ", StringComparison.Ordinal));
        await Eventually.HoldsAsync(() => Volatile.Read(ref errors) == log.Count(Failed) + log.Count(Again), "subscribers were told of each");

        Faults.FailAlways(nameof(Faults.ClaimAsync), Fault.FailedTask);
        await AskedOnAsync(2);
        await LoggedAsync(() => log.Count(Failed) == 3);

        // On the pool, and so perhaps a moment later.
        static Task LoggedAsync(Func<bool> condition) => Eventually.HoldsAsync(condition, "it is logged");
    }

    [Fact]
    public async Task Extensions_that_fail_are_logged_once_an_outage()
    {
        var log = new Hosting.LogRecorder();
        using ILoggerFactory loggers = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(log));
        DistributedTimer timer = await JoinAsync(o =>
        {
            o.LeaseDuration = TimeSpan.FromSeconds(30);
            o.LoggerFactory = loggers;
        });
        await timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await Eventually.HoldsAsync(() => _got.Count == 1, "delivered");

        for (int outage = 1; outage <= 2; outage++)
        {
            Faults.FailAlways(nameof(Faults.ExtendAsync), Fault.ThrowsAtOnce);
            for (int i = 0; i < 150; i++) _clock.Advance(TimeSpan.FromMilliseconds(100)); // a third of the lease, and five seconds more
            Faults.FailAlways(nameof(Faults.ExtendAsync), null);
            for (int i = 0; i < 5; i++) _clock.Advance(TimeSpan.FromMilliseconds(100));

            // Logs are written on the pool.
            await Eventually.HoldsAsync(() => (log.Count(114), log.Count(115)) == (outage, outage), "the outage is logged, and its end");
            await Eventually.HoldsAsync(
                () => log.Entries.Count(entry => entry.Id == 109 && entry.Text.EndsWith("Leases could not be extended; trying again.", StringComparison.Ordinal)) > 10 * outage,
                "and each attempt in between");
        }
    }

    [Fact]
    public async Task A_lost_lease_is_noticed_at_once_when_a_frozen_process_goes_on()
    {
        DistributedTimer timer = await JoinAsync(o => o.LeaseDuration = TimeSpan.FromSeconds(10));
        await timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await Eventually.HoldsAsync(() => _got.Count == 1, "delivered");
        TimerDelivery delivery = _got.Single();
        delivery.LeaseLeft.ShouldBe(TimeSpan.FromSeconds(10));

        // Frozen: no extension goes out for longer than the lease.
        Faults.FailAlways(nameof(Faults.ExtendAsync), Fault.RequestLost);
        _clock.Advance(TimeSpan.FromSeconds(11));
        delivery.Stopping.IsCancellationRequested.ShouldBeTrue();
        delivery.LeaseLeft.ShouldBe(TimeSpan.Zero);
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
    }

    [Fact]
    public async Task Extensions_go_out_every_third_of_a_lease_and_count_from_before_they_were_sent()
    {
        DistributedTimer timer = await JoinAsync(o => o.LeaseDuration = TimeSpan.FromSeconds(9));
        await timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await Eventually.HoldsAsync(() => _got.Count == 1, "delivered");
        for (int i = 1; i <= 5; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(3));
            Faults.Calls(nameof(Faults.ExtendAsync)).ShouldBe(i);
            _got.Single().LeaseLeft.ShouldBe(TimeSpan.FromSeconds(9));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _finish.TrySetResult();
        if (_timer is not null) await _timer.DisposeAsync();
        await _store.DisposeAsync();
    }

    private async Task<DistributedTimer> JoinAsync(Action<TimerOptions>? configure = null)
    {
        var options = new TimerOptions { TimeProvider = _clock };
        configure?.Invoke(options);
        _timer = new DistributedTimer(_store, options);
        await _timer.JoinAsync((delivery, _) =>
        {
            _got.Enqueue(delivery);
            return _finish.Task;
        });
        return _timer;
    }

    private Task AskedOnAsync(int more)
    {
        int times = Faults.Claims.Count + more;
        return Eventually.ReadsAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(1300));
                return Task.FromResult(Faults.Claims.Count);
            },
            count => count >= times,
            $"claim {times}");
    }

    private Task AskedAsync(int times) => Eventually.HoldsAsync(() => Faults.Claims.Count >= times, $"claim {times}");
}
