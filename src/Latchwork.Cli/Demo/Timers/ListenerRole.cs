using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>One of the three listeners: a node of its own, with handlers that work and fail. It tells everything before it does the next thing.</summary>
internal sealed class ListenerRole : IDemoRole
{
    private static readonly TimeProvider _time = TimeProvider.System;

    private readonly string _name;
    private readonly Action<DemoReport> _report;
    private readonly DistributedTimer _timer;
    private readonly Dictionary<string, DemoKind> _kinds = TimersPlan.CreateEvents().ToDictionary(e => e.Id, e => e.Kind, StringComparer.Ordinal);
    private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ListenerRole(Casting casting, LatchworkStore store, Action<DemoReport> report)
    {
        _name = casting.Name;
        _report = report;
        _timer = new DistributedTimer(store, TimersPlan.ListenerOptions(casting.Namespace, casting.Name));
    }

    public Task OpenAsync(CancellationToken cancellationToken) => _timer.JoinAsync(HandleAsync, cancellationToken);

    public void Hear(DemoOrder order)
    {
        if (order is GoOn) _goOn.TrySetResult();
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private async Task HandleAsync(TimerDelivery delivery, CancellationToken stopping)
    {
        long begun = _time.GetTimestamp();
        _report(new EventBegun(delivery.Id, delivery.Token, delivery.Retries, delivery.Lateness.TotalMilliseconds, begun, delivery.Payload.ToArray()));
        var attempt = new Attempt(delivery, begun);
        try
        {
            await WorkAsync(attempt, _kinds[delivery.Id], stopping).ConfigureAwait(false);
        }
        finally
        {
            _report(new EventEnded(delivery.Id, delivery.Token, attempt.End, attempt.HeldAt));
        }
    }

    private async Task WorkAsync(Attempt attempt, DemoKind kind, CancellationToken stopping)
    {
        TimerDelivery delivery = attempt.Delivery;
        await Task.Delay(TimersPlan.Work(Random.Shared), _time, stopping).ConfigureAwait(false);
        // Whoever took most of the burst is killed with it in its hands, so nobody ends before that.
        if (kind == DemoKind.Burst) await _goOn.Task.WaitAsync(stopping).ConfigureAwait(false);
        attempt.Look();
        if (kind == DemoKind.Rejected)
        {
            await delivery.DeadAsync("no such customer", cancellationToken: stopping).ConfigureAwait(false);
            attempt.End = AttemptEnd.Rejected;
        }
        else if (kind == DemoKind.AlwaysFails || (kind == DemoKind.FailsOnce && delivery.Retries == 0))
        {
            attempt.End = AttemptEnd.Failed;
            throw new InvalidOperationException($"attempt {delivery.Retries + 1} failed on {_name}, as planned");
        }
        else
        {
            _report(new EventConfirming(delivery.Id, delivery.Token));
            TimerOutcome outcome = await delivery.ConfirmAsync(stopping).ConfigureAwait(false);
            attempt.End = outcome == TimerOutcome.Done ? AttemptEnd.Confirmed : AttemptEnd.Refused;
        }
    }

    private sealed class Attempt(TimerDelivery delivery, long begun)
    {
        public TimerDelivery Delivery => delivery;

        public AttemptEnd End { get; set; } = AttemptEnd.Abandoned;

        /// <summary>The last moment at which the event was certainly ours.</summary>
        public long HeldAt { get; private set; } = begun;

        // The moment is taken first: whatever happens in between, the event was still ours then.
        public void Look()
        {
            long now = _time.GetTimestamp();
            if (delivery.LeaseLeft > TimeSpan.Zero && !delivery.Stopping.IsCancellationRequested) HeldAt = now;
        }
    }
}
