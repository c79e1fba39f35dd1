using System.Diagnostics;
using System.Diagnostics.Metrics;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Diagnostics;

[Collection(TelemetryCollection.Name)]
public sealed class LockerTelemetryTests : IAsyncLifetime
{
    private readonly string _ns = $"telemetry-{Guid.NewGuid():N}";
    private readonly InMemoryStore _store = new();
    private readonly TelemetryRecorder _recorder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _recorder.Dispose();
        await _store.DisposeAsync();
        TelemetryDocs.ShouldDescribe(_recorder.All);
    }

    [Fact]
    public async Task Callers_on_two_nodes_and_the_one_run_are_measured_and_linked()
    {
        await using ProcessLocker here = NewLocker();
        await using ProcessLocker there = NewLocker();
        var started = new TaskCompletionSource<Activity?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string> first = here.RunOnceAsync("key", async (_, _) =>
        {
            started.SetResult(Activity.Current);
            await finish.Task;
            return "done";
        });
        Activity? inWork = await started.Task;
        Task<string> second = here.RunOnceAsync<string>("key", (_, _) => throw new InvalidOperationException("must not run"));
        Task<string> third = there.RunOnceAsync<string>("key", (_, _) => throw new InvalidOperationException("must not run"));
        await Eventually.ReadsAsync(() => here.PeekAsync("key"), key => key?.Waiters == 2, "both wait here");
        await Eventually.ReadsAsync(() => there.PeekAsync("key"), key => key?.Waiters == 1, "one waits there");
        finish.SetResult();
        await Task.WhenAll(first, second, third);

        Activity run = _recorder.Spans($"run {_ns}").Single();
        run.ShouldBeSameAs(inWork);
        IReadOnlyList<Activity> waits = _recorder.Spans($"wait {_ns}");
        waits.Count.ShouldBe(3);
        waits.ShouldAllBe(wait => Equals(wait.GetTagItem("latchwork.lock.fencing_token"), run.GetTagItem("latchwork.lock.fencing_token")));
        Activity owner = waits.Single(wait => wait.SpanId == run.ParentSpanId);
        owner.Links.ShouldBeEmpty();
        waits.Where(wait => wait != owner).SelectMany(wait => wait.Links).Single().Context.ShouldBe(run.Context);
        _recorder.Of("latchwork.lock.wait.duration", _ns).Select(one => one.Tags["latchwork.outcome"]).ShouldBe(["result", "result", "result"]);
        _recorder.Of("latchwork.lock.run.duration", _ns).Single().Tags["latchwork.outcome"].ShouldBe("done");
    }

    [Fact]
    public async Task A_listener_and_a_message_that_throw_cost_nobody_a_lock_or_a_result()
    {
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, self) =>
            {
                if (instrument.Meter.Name == LatchworkTelemetry.MeterName) self.EnableMeasurementEvents(instrument);
            },
        };
        int told = 0;
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => Throw());
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => Throw());
        listener.Start();
        using var spans = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == LatchworkTelemetry.ActivitySourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = _ => Throw(),
        };
        ActivitySource.AddActivityListener(spans);
        await using (ProcessLocker locker = NewLocker())
        {
            (await locker.RunOnceAsync("run", static (_, _) => Task.FromResult("done"))).ShouldBe("done");
            Task<string>[] failing = [.. Enumerable.Range(0, 3).Select(_ => locker.RunOnceAsync<string>("failing", static (_, _) => throw new MuteException()))];
            foreach (Task<string> one in failing) (await Should.ThrowAsync<RunFailedException>(one.WaitAsync(TimeSpan.FromMinutes(1)))).Kind.ShouldBe(nameof(MuteException));
            WorkLease lease = await locker.AcquireAsync("lock");
            (await locker.ForgetAsync("lock")).ShouldBeTrue();
            await Eventually.HoldsAsync(() => lease.Lost.IsCancellationRequested, "the owner is told");
            await using WorkLease again = await locker.AcquireAsync("lock", TimeSpan.FromMinutes(1));
            again.IsHeld.ShouldBeTrue();
        }

        Volatile.Read(ref told).ShouldBeGreaterThan(0);

        void Throw()
        {
            Interlocked.Increment(ref told);
            throw new InvalidOperationException("a listener");
        }
    }

    private sealed class MuteException : Exception
    {
        public override string Message => throw new InvalidOperationException("no message");
    }

    [Fact]
    public async Task Failures_timeouts_and_cancellations_are_told_apart()
    {
        await using ProcessLocker locker = NewLocker();
        await Should.ThrowAsync<RunFailedException>(() => locker.RunOnceAsync<string>("bad", (_, _) => throw new InvalidOperationException("no")));
        await using WorkLease lease = await locker.AcquireAsync("held");
        await Should.ThrowAsync<LockTimeoutException>(() => locker.AcquireAsync("held", TimeSpan.FromMilliseconds(1)));
        using var cancelled = new CancellationTokenSource();
        Task waiting = locker.AcquireAsync("held", cancellationToken: cancelled.Token);
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting);

        _recorder.Of("latchwork.lock.wait.duration", _ns).Select(one => one.Tags["latchwork.outcome"]).ShouldBe(["failure", "owner", "timeout", "cancelled"]);
        _recorder.Of("latchwork.lock.run.duration", _ns).Single().Tags["latchwork.outcome"].ShouldBe("failed");
        _recorder.Spans($"run {_ns}").Single().Status.ShouldBe(ActivityStatusCode.Error);
        _recorder.Spans($"wait {_ns}").Count(wait => wait.Status == ActivityStatusCode.Error).ShouldBe(1);
    }

    [Fact]
    public async Task Takeovers_superseded_publications_and_lost_locks_are_counted()
    {
        var clock = new ManualTimeProvider();
        await using var store = new InMemoryStore(clock);
        // The owner's own clock stands still: it believes in a lease that the store has let run out.
        await using var owner = new ProcessLocker(store, new() { Namespace = _ns, TimeProvider = new ManualTimeProvider() });
        await using var next = new ProcessLocker(store, new() { Namespace = _ns, TimeProvider = clock });
        WorkLease old = await owner.AcquireAsync("key");
        clock.Advance(TimeSpan.FromMinutes(1));

        await using WorkLease? taken = await next.TryAcquireAsync("key");
        taken!.TakenOver.ShouldBeTrue();
        (await old.PublishAsync("late"u8.ToArray())).ShouldBe(PublishOutcome.Superseded);

        _recorder.Sum("latchwork.lock.takeovers", _ns).ShouldBe(1);
        _recorder.Sum("latchwork.lock.superseded", _ns).ShouldBe(1);
        _recorder.Sum("latchwork.lock.lost", _ns, "latchwork.reason", "superseded").ShouldBe(1);
    }

    private ProcessLocker NewLocker() => new(_store, new() { Namespace = _ns });
}
