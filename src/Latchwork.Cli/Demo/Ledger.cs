using System.Globalization;

namespace Latchwork.Cli.Demo;

/// <summary>What is to happen to an event.</summary>
internal enum EventKind
{
    Plain,
    Burst, // due at the same moment as many others; its handler waits until a node was killed
    FailsOnce, // its first attempt throws
    Rejected, // its handler makes it a dead letter
    Cancelled, // before it is due
}

/// <summary>One event.</summary>
internal sealed record EventRecord(string Id, EventKind Kind, TimeSpan Delay)
{
    public string Payload => $"{Kind} {Id}";

    /// <summary>The timestamp at which the store had answered that it is cancelled; null if it did not.</summary>
    public long? CancelledAt { get; set; }

    public List<Attempt> Attempts { get; } = [];

    public int Confirmed => Attempts.Count(a => a.End == AttemptEnd.Accepted && Kind != EventKind.Rejected);
}

/// <summary>One attempt to handle an event, or one run of the work for the key, as its node reported it.</summary>
internal sealed record Attempt(string Node, NodeReport Began)
{
    /// <summary>Whether a confirmation or rejection was sent.</summary>
    public bool IsDeciding { get; set; }

    /// <summary>Null while it runs, and for good if its node was killed.</summary>
    public AttemptEnd? End { get; set; }

    /// <summary>The last timestamp at which it is known to have held the lease.</summary>
    public long HeldAt { get; set; } = Began.At;

    /// <summary>Whether a confirmation or rejection was sent whose answer nobody saw: it may have been applied.</summary>
    public bool IsUnknown => IsDeciding && End is null or AttemptEnd.Abandoned;

    public long FencingToken => long.Parse(Began.Token, CultureInfo.InvariantCulture);
}

/// <summary>What the nodes reported. The verdict is decided from it and from what the store holds at the end. Its lock guards it while nodes run.</summary>
internal sealed class Ledger
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, EventRecord> _byId = DemoPlan.CreateEvents().ToDictionary(e => e.Id, StringComparer.Ordinal);

    public IReadOnlyCollection<EventRecord> Events => _byId.Values;

    /// <summary>A timestamp from before the events were posted: their delays count from then on.</summary>
    public long PostedAt { get; set; }

    /// <summary>The runs of the work for the key.</summary>
    public List<Attempt> Runs { get; } = [];

    /// <summary>The answers to the callers who asked for the key.</summary>
    public List<(string Node, NodeReport Report)> Answers { get; } = [];

    /// <summary>The nodes whose callers have all asked.</summary>
    public HashSet<string> Asked { get; } = [];

    /// <summary>A timestamp from before each kill.</summary>
    public Dictionary<string, long> KilledAt { get; } = [];

    /// <summary>The handlers that have begun and not ended, those of dead nodes included.</summary>
    public IEnumerable<(EventRecord Event, Attempt Attempt)> Running => from e in Events from attempt in e.Attempts where attempt.End is null select (e, attempt);

    public T Read<T>(Func<T> read)
    {
        lock (_gate) return read();
    }

    public void Write(Action write)
    {
        lock (_gate) write();
    }

    /// <summary>Records what a node reported.</summary>
    public void Record(string node, NodeReport report) => Write(() =>
    {
        switch (report.Act)
        {
            case NodeAct.Began:
                _byId[report.Id].Attempts.Add(new Attempt(node, report));
                break;
            case NodeAct.Deciding:
                Find(_byId[report.Id].Attempts).IsDeciding = true;
                break;
            case NodeAct.Ended:
                End(Find(_byId[report.Id].Attempts));
                break;
            case NodeAct.Asked:
                Asked.Add(node);
                break;
            case NodeAct.Answered:
                Answers.Add((node, report));
                break;
            case NodeAct.RunBegan:
                Runs.Add(new Attempt(node, report));
                break;
            case NodeAct.RunEnded:
                End(Find(Runs));
                break;
        }

        Attempt Find(List<Attempt> attempts) => attempts.FindLast(a => a.Node == node && a.Began.Token == report.Token)!;

        void End(Attempt attempt) => (attempt.End, attempt.HeldAt) = (report.End, report.At);
    });
}
