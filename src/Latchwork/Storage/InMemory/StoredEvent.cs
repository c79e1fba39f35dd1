using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <summary>The hold of one node on one event.</summary>
/// <param name="Token">The delivery's token.</param>
/// <param name="NodeId">The node.</param>
/// <param name="Deadline">When the lease runs out, in ms.</param>
/// <param name="ClaimedAt">Since when it is held, in ms.</param>
internal sealed record Lease(string Token, string NodeId, long Deadline, long ClaimedAt);

/// <summary>An event's last rest.</summary>
/// <param name="At">When it died, in ms.</param>
/// <param name="Reason">Of what.</param>
internal sealed record DeadLetter(long At, DeadLetterReason Reason);

/// <summary>An event in any state. Its state changes only through <see cref="EventTable"/>.</summary>
internal sealed class StoredEvent
{
    private static readonly Dictionary<string, string> _noHeaders = [];

    public StoredEvent(TimerEntry entry)
    {
        Id = entry.Id;
        Payload = entry.Payload.ToArray(); // the caller may write over its own array after the post
        Headers = entry.Headers is { Count: > 0 } headers ? new Dictionary<string, string>(headers) : _noHeaders;
        MaxRetries = entry.MaxRetries;
    }

    public string Id { get; }

    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>Replaced, never changed, so that snapshots can share them.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; set; }

    public int MaxRetries { get; }

    /// <summary>The retries that are spent.</summary>
    public int Retries { get; set; }

    /// <summary>How often a handler was interrupted.</summary>
    public int Interruptions { get; set; }

    /// <summary>When it is due, or was when it was claimed, in ms.</summary>
    public long Due { get; set; }

    /// <summary>Of an event with an absolute time: what was asked for, by the machine's clock, in ms. Null: a delay or a backoff.</summary>
    public long? RawDue { get; set; }

    /// <summary>Of an occurrence of a schedule: when it was claimed for the first time, in ticks of whole µs.</summary>
    public long? FirstClaimedTicks { get; set; }

    /// <summary>Set while it is in flight.</summary>
    public Lease? Lease { get; set; }

    /// <summary>Set when it is dead-lettered.</summary>
    public DeadLetter? DeadLetter { get; set; }

    /// <summary>The last failures, the oldest first. Replaced, never changed, so that snapshots can share it.</summary>
    public IReadOnlyList<AttemptFailure> Failures { get; private set; } = [];

    public TimerState State => Lease is not null ? TimerState.InFlight : DeadLetter is not null ? TimerState.DeadLettered : TimerState.Scheduled;

    /// <summary>By what it is ordered among those of its state.</summary>
    public TimedId Place => new(Lease?.Deadline ?? DeadLetter?.At ?? Due, Id);

    public void Record(string nodeId, string error, StoreTime now) => Failures = Failures.With(Retries, nodeId, error, now.Milliseconds);

    public ClaimedEvent ToClaimed(StoreTime now) =>
        new(Id, Payload, Headers, Retries, MaxRetries, now.Show(DueBy(now)), now.Since(DueBy(now)))
        {
            FirstClaimedAt = FirstClaimedTicks is { } ticks ? new StoreTime(ticks, now.Offset).ToDateTimeOffset() : null,
        };

    /// <summary>When it is due, or was, by the partition's clock as it is now.</summary>
    public long DueBy(StoreTime now) => now.DueOf(new DueTime(Due, RawDue));

    /// <param name="now">Now.</param>
    /// <param name="isBegun">Whether its handler may have begun; without meaning if it is not in flight.</param>
    public TimerSnapshot ToSnapshot(StoreTime now, bool isBegun) => new()
    {
        Id = Id,
        State = State,
        Due = now.Show(DueBy(now)),
        IsAbsolute = RawDue is not null,
        TimeLeft = State == TimerState.Scheduled ? now.WholeUntil(DueBy(now)) : TimeSpan.Zero,
        LeaseLeft = Lease is null ? null : now.WholeUntil(Lease.Deadline),
        Token = Lease?.Token,
        NodeId = Lease?.NodeId,
        ClaimedAt = Lease is null ? null : now.Show(Lease.ClaimedAt),
        HasBegun = Lease is null ? null : isBegun,
        Retries = Retries,
        Interruptions = Interruptions,
        MaxRetries = MaxRetries,
        Payload = Payload,
        Headers = Headers,
        DeadLetterReason = DeadLetter?.Reason,
        DeadLetteredAt = DeadLetter is null ? null : now.Show(DeadLetter.At),
        DeadLetterStamp = DeadLetter?.At,
        DeadLetteredFor = DeadLetter is null ? null : now.Since(DeadLetter.At),
        Failures = Failures.ShownBy(now),
    };
}
