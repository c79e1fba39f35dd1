namespace Latchwork.Cli.Demo.Timers;

/// <summary>What is to happen to an event of the demo.</summary>
internal enum DemoKind
{
    /// <summary>It is handled when it is due.</summary>
    Plain,

    /// <summary>Its first attempt throws, the second succeeds.</summary>
    FailsOnce,

    /// <summary>Every attempt throws, until no retry is left.</summary>
    AlwaysFails,

    /// <summary>Its handler gives it up at once.</summary>
    Rejected,

    /// <summary>It is cancelled before it is due.</summary>
    Cancelled,

    /// <summary>It is given another due time before it is due.</summary>
    Rescheduled,
}

/// <summary>One attempt to handle an event, as the demo saw it.</summary>
/// <param name="At">When it began, in timestamps.</param>
/// <param name="Listener">Where.</param>
/// <param name="Delivery">The delivery.</param>
internal sealed record DemoAttempt(long At, string Listener, TimerDelivery Delivery)
{
    private volatile bool _hasEnded;

    /// <summary>Whether its handler is still at it, with a lease that it may believe in.</summary>
    public bool IsLive => !_hasEnded && Delivery.LeaseLeft > TimeSpan.Zero && !Delivery.Stopping.IsCancellationRequested;

    /// <summary>Notes that its handler has returned or thrown.</summary>
    public void End() => _hasEnded = true;
}

/// <summary>The demo's own record of one event. It never asks the store; the two are compared at the end. Locked by itself.</summary>
internal sealed class DemoEvent
{
    private readonly Lock _gate = new();
    private readonly List<DemoAttempt> _attempts = [];
    private readonly List<string> _problems = [];

    public required string Id { get; init; }

    public required DemoKind Kind { get; init; }

    public required byte[] Payload { get; init; }

    public required TimeSpan Delay { get; init; }

    public int MaxRetries { get; init; }

    /// <summary>From when, in timestamps, <see cref="MinDelay"/> counts: a moment before the post or the change of the delay was sent.</summary>
    public long DelayFrom { get; set; }

    /// <summary>The delay that was asked for last.</summary>
    public TimeSpan MinDelay { get; set; }

    /// <summary>When, in timestamps, its cancellation was answered with done; null if it was not.</summary>
    public long? CancelledAt { get; set; }

    /// <summary>Whether its due time was changed.</summary>
    public bool WasRescheduled { get; set; }

    /// <summary>Confirms that the store accepted.</summary>
    public int Confirms { get; private set; }

    /// <summary>Whether a confirm was sent whose answer never came, because the listener was cut off.</summary>
    public bool ConfirmIsUnknown { get; private set; }

    /// <summary>Attempts so far.</summary>
    public IReadOnlyList<DemoAttempt> Attempts
    {
        get
        {
            lock (_gate) return [.. _attempts];
        }
    }

    /// <summary>What should not have happened.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_gate) return [.. _problems];
        }
    }

    /// <summary>Whether it was handled and confirmed.</summary>
    public bool IsHandled => Confirms > 0 || ConfirmIsUnknown;

    /// <summary>Records the beginning of an attempt.</summary>
    /// <returns>Which attempt it is: 1 is the first.</returns>
    public int Begin(DemoAttempt attempt)
    {
        lock (_gate)
        {
            if (_attempts.Count > 0 && _attempts[^1].IsLive) _problems.Add($"{Id}: held by two nodes at the same time");
            if (attempt.Delivery.Retries == 0 && _attempts.Count > 0) _problems.Add($"{Id}: a redelivery says that it is the first");
            if (!attempt.Delivery.Payload.Span.SequenceEqual(Payload)) _problems.Add($"{Id}: the payload was changed");
            _attempts.Add(attempt);
            return _attempts.Count;
        }
    }

    /// <summary>Records the answer to a confirm.</summary>
    /// <returns>Whether this settled the event.</returns>
    public bool Confirm(TimerOutcome outcome)
    {
        lock (_gate)
        {
            if (outcome != TimerOutcome.Done) return false;
            Confirms++;
            if (Confirms > 1) _problems.Add($"{Id}: confirmed twice");
            return Confirms == 1;
        }
    }

    /// <summary>Records a confirm without an answer.</summary>
    public void ConfirmUnanswered()
    {
        lock (_gate) ConfirmIsUnknown = true;
    }
}
