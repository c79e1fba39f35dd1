using System.Diagnostics;
using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Locking;

/// <summary>
/// The work for a key, run once on behalf of all the callers of a flight. It belongs to none of them: it is stopped when the last one leaves,
/// or when the lock is lost.
/// </summary>
internal sealed class SharedRun
{
    private readonly LockerCore _core;
    private readonly KeyFlight _flight;
    private readonly HeldLock _held;
    private readonly FlightCaller _initiator;
    private readonly Work _work;
    private volatile bool _cancelled;

    /// <param name="core">The locker.</param>
    /// <param name="flight">The callers.</param>
    /// <param name="held">The lock under which it runs.</param>
    /// <param name="initiator">The caller whose work it is; its options say what becomes of the outcome.</param>
    /// <param name="work">The work.</param>
    public SharedRun(LockerCore core, KeyFlight flight, HeldLock held, FlightCaller initiator, Work work)
    {
        _core = core;
        _flight = flight;
        _held = held;
        _initiator = initiator;
        _work = work;
    }

    /// <summary>The span of the work, once it has begun; none if nobody wants spans.</summary>
    public ActivityContext Context { get; private set; }

    /// <summary>Starts it on the thread pool, as it is user code, and in the context of the call whose work it is.</summary>
    public void Start() => ThreadPool.UnsafeQueueUserWorkItem(
        static run =>
        {
            if (run._initiator.WorkContext is { } context) ExecutionContext.Run(context, static run => _ = ((SharedRun)run!).RunAsync(), run);
            else _ = run.RunAsync();
        },
        this,
        preferLocal: true);

    /// <summary>Stops it: its token fires, and the key is released as soon as the work has ended. Work that continues regardless is left to its lease.</summary>
    public void Cancel()
    {
        _cancelled = true;
        _held.StopWork();
        Alarm timeout = _core.Clock.CreateAlarm(_held.LeaveToLease);
        timeout.Set(_core.Options.ShutdownTimeout);
        _ = _held.Ended.ContinueWith(
            static (_, alarm) => ((Alarm)alarm!).Dispose(),
            timeout,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private async Task RunAsync()
    {
        // A server, or a pool, may have been busy for longer than the lease: then the key may be another's already, and those who wait here ask again.
        if (!_held.IsHeld)
        {
            if (_cancelled) await _held.ReleaseAsync().ConfigureAwait(false);
            else await _held.GiveBackExpiredAsync().ConfigureAwait(false);
            return;
        }

        var lease = new WorkLease(_core, _held, isShared: true)
        {
            ResultTimeout = _initiator.Options.ResultTimeout ?? _core.Options.ResultTimeout,
        };
        try
        {
            (RunValue value, Exception? failure) = await WorkAsync(lease).ConfigureAwait(false);
            await EndAsync(lease, value, failure).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotReplicated)
        {
            _core.Log.NotReplicated(e, _core.Shown(_held.Key), _core.Options.Namespace); // It was published, and the callers have it: all that a failover can do is to have it made again.
        }
#pragma warning disable CA1031 // the callers get what the store threw
        catch (Exception e)
#pragma warning restore CA1031
        {
            _flight.FailAll(e);
            await _held.ReleaseAsync().ConfigureAwait(false);
        }
    }

    private async Task<(RunValue Value, Exception? Failure)> WorkAsync(WorkLease lease)
    {
        long start = _core.Clock.Now;
        using RunScope scope = RunScope.Enter(_core, _held);
        Activity? activity = Tracing.StartRun(_core.Options.Namespace, _held.FencingToken, _initiator.Context);
        using SpanEnd end = activity.EndWithBlock();
        Context = activity?.Context ?? default;
        RunValue value;
        Exception? failure = null;
        try
        {
            value = await _work(lease, _held.Work).ConfigureAwait(false);
            Limits.CheckPayload(value.Data.Length, _core.Options.MaxResultBytes, "result");
        }
#pragma warning disable CA1031 // whatever the work throws is the run's failure, and is shared
        catch (Exception e)
#pragma warning restore CA1031
        {
            value = RunValue.Failure(e);
            failure = e;
            activity?.Fail(e);
        }

        if (Metrics.Run.Enabled)
        {
            TagList tags = Names.OfLock(_core.Options.Namespace);
            tags.Add(Names.Outcome, failure is null ? "done" : failure is OperationCanceledException ? "cancelled" : "failed");
            Listeners.Tell((Seconds: _core.Since(start).TotalSeconds, Tags: tags), static run => Metrics.Run.Record(run.Seconds, run.Tags));
        }

        return (value, failure);
    }

    private async Task EndAsync(WorkLease lease, RunValue value, Exception? failure)
    {
        if (_cancelled)
        {
            await _held.ReleaseAsync().ConfigureAwait(false);
        }
        else if (failure is null)
        {
            await _held.PublishAsync(value, Lifetime(lease, value), null, CancellationToken.None).ConfigureAwait(false);
        }
        else if (_initiator.Options.OnFailure is { IsShared: true } policy)
        {
            await _held.PublishAsync(value, policy.CacheDuration, failure, CancellationToken.None).ConfigureAwait(false);
        }
        else if (_held.IsHeld)
        {
            _flight.Fail(_initiator, RunValue.ReadFailure(value.Data.Span, failure));
            await _held.ReleaseAsync().ConfigureAwait(false);
        }
    }

    private TimeSpan Lifetime(WorkLease lease, RunValue value)
    {
        RunOnceOptions options = _initiator.Options;
        if (value.Kind == LockerOutcomeKind.Null && !options.CacheNull) return TimeSpan.Zero;
        double factor = 1 + options.ResultJitter * (2 * Random.Shared.NextDouble() - 1);
        TimeSpan lifetime = lease.ResultTimeout * factor;
        return lifetime < Limits.MaxDelay ? lifetime : Limits.MaxDelay;
    }
}
