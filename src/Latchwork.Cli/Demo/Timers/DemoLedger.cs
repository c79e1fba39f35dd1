using System.Collections.Concurrent;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>The demo's own books: every event, every attempt, every lateness. Safe for use by many threads.</summary>
internal sealed class DemoLedger
{
    private readonly Dictionary<string, DemoEvent> _byId;
    private readonly ConcurrentQueue<(TimeSpan At, double Milliseconds)> _lateness = new();
    private readonly DemoStory _story;
    private int _settled;

    public DemoLedger(IReadOnlyList<DemoEvent> events, DemoStory story)
    {
        Events = events;
        _byId = events.ToDictionary(e => e.Id, StringComparer.Ordinal);
        _story = story;
    }

    public IReadOnlyList<DemoEvent> Events { get; }

    /// <summary>When every delivery began, and its lateness in milliseconds.</summary>
    public IReadOnlyCollection<(TimeSpan At, double Milliseconds)> Lateness => _lateness;

    /// <summary>Events that were posted.</summary>
    public int Posted { get; set; }

    /// <summary>Events that were handled or cancelled, as far as the demo knows by itself.</summary>
    public int Settled => Volatile.Read(ref _settled);

    public DemoEvent Find(string id) => _byId[id];

    /// <summary>Records the beginning of an attempt.</summary>
    /// <returns>The attempt, and which one it is: 1 is the first.</returns>
    public (DemoAttempt Attempt, int Number) Begin(DemoEvent known, string listener, TimerDelivery delivery)
    {
        _lateness.Enqueue((_story.Elapsed, delivery.Lateness.TotalMilliseconds));
        var attempt = new DemoAttempt(_story.Time.GetTimestamp(), listener, delivery);
        return (attempt, known.Begin(attempt));
    }

    public void Confirm(DemoEvent known, TimerOutcome outcome)
    {
        if (known.Confirm(outcome)) Interlocked.Increment(ref _settled);
    }

    public void Cancel(DemoEvent known)
    {
        known.CancelledAt = _story.Time.GetTimestamp();
        Interlocked.Increment(ref _settled);
    }

    /// <summary>Notes that a delay counts from now on.</summary>
    public void DelayFromNow(DemoEvent known, TimeSpan delay)
    {
        known.DelayFrom = _story.Time.GetTimestamp();
        known.MinDelay = delay;
    }

    /// <summary>How long after its moment an attempt began, by the demo's own clock; negative is early.</summary>
    public TimeSpan Since(DemoEvent known, DemoAttempt attempt) => _story.Time.GetElapsedTime(known.DelayFrom, attempt.At) - known.MinDelay;
}
