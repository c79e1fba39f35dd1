using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>The demo's own books of the first act: every event, every attempt, every listener.</summary>
internal sealed class TimersBooks : DemoBooks
{
    private readonly Dictionary<string, DemoEvent> _byId;
    private int _settled;

    public TimersBooks(IReadOnlyList<DemoEvent> events, IEnumerable<string> listeners)
    {
        Events = events;
        _byId = events.ToDictionary(e => e.Id, StringComparer.Ordinal);
        Listeners = [.. listeners.Select(name => new ListenerRecord { Name = name })];
    }

    public IReadOnlyList<DemoEvent> Events { get; }

    public IReadOnlyList<ListenerRecord> Listeners { get; }

    /// <summary>Events that were posted.</summary>
    public int Posted { get; set; }

    /// <summary>Events that were handled or cancelled, as far as the demo knows by itself.</summary>
    public int Settled => Volatile.Read(ref _settled);

    public DemoEvent Find(string id) => _byId[id];

    /// <summary>Enters what a listener told.</summary>
    public void Hear(ListenerRecord listener, DemoReport report) => Write(() =>
    {
        switch (report)
        {
            case EventBegun begun:
                DemoEvent known = Find(begun.Id);
                known.Attempts.Add(new DemoAttempt { Listener = listener.Name, Begun = begun, HeldAt = begun.At });
                listener.Begin(known);
                break;
            case EventConfirming confirming:
                AttemptOf(listener, confirming.Id, confirming.Token).IsConfirming = true;
                break;
            case EventEnded ended:
                DemoAttempt attempt = AttemptOf(listener, ended.Id, ended.Token);
                attempt.End = ended.End;
                attempt.HeldAt = ended.HeldAt;
                listener.End(Find(ended.Id), ended.End);
                if (ended.End == AttemptEnd.Confirmed) Interlocked.Increment(ref _settled);
                break;
        }
    });

    /// <summary>Enters that a listener is dead.</summary>
    /// <param name="listener">Which.</param>
    /// <param name="killedAt">A timestamp from before the kill.</param>
    public void Die(ListenerRecord listener, long killedAt) => Write(() => listener.Die(killedAt));

    /// <summary>Enters that the cancellation of an event was answered.</summary>
    public void Cancel(DemoEvent known, long at) => Write(() =>
    {
        known.CancelledAt = at;
        Interlocked.Increment(ref _settled);
    });

    private DemoAttempt AttemptOf(ListenerRecord listener, string id, string token) =>
        Find(id).Attempts.FindLast(a => a.Listener == listener.Name && a.Begun.Token == token)
        ?? throw new InvalidOperationException($"{listener.Name} ended {id}, which it had not begun.");
}
