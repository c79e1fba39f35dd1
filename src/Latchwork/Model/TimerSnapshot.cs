namespace Latchwork;

/// <summary>An event as it stood when the store was asked.</summary>
public sealed record TimerSnapshot
{
    /// <summary>The event's id.</summary>
    public required string Id { get; init; }

    /// <summary>Where it stands.</summary>
    public required TimerState State { get; init; }

    /// <summary>When it is due (in flight, dead-lettered and completed: when it was due), by the store's clock.</summary>
    public required DateTimeOffset Due { get; init; }

    /// <summary>Whether it is due at an absolute time, and not after a delay or a backoff.</summary>
    internal bool IsAbsolute { get; init; }

    /// <summary>
    /// The time left until it is due, by the store's clock, in whole milliseconds, rounded down: right after a post it is never more than the
    /// delay (if that is a whole number of them). Zero if it is overdue, in flight, dead-lettered or completed.
    /// </summary>
    public required TimeSpan TimeLeft { get; init; }

    /// <summary>In flight: the time left on the lease, in whole milliseconds, rounded down; zero if it ran out and nobody has taken over yet. Otherwise null.</summary>
    public TimeSpan? LeaseLeft { get; init; }

    /// <summary>In flight: the token of the live delivery. Otherwise null.</summary>
    public string? Token { get; init; }

    /// <summary>In flight: the node that holds it; completed: the node that held it last. Otherwise null.</summary>
    public string? NodeId { get; init; }

    /// <summary>In flight: since when; completed: since when that node held it. By the store's clock; null if that cannot be read any more. Otherwise null.</summary>
    public DateTimeOffset? ClaimedAt { get; init; }

    /// <summary>
    /// In flight: false for an occurrence of a schedule of which the store knows that no handler has begun, so that the end of its lease spends no retry.
    /// True for everything else: stores are not told when a handler begins. Otherwise null.
    /// </summary>
    public bool? HasBegun { get; init; }

    /// <summary>The retries spent so far.</summary>
    public required int Retries { get; init; }

    /// <summary>
    /// How often a handler of it was interrupted because its node left, since it was posted or requeued. The first nine times spend no retry, each
    /// later one does: so an event that stops its host cannot do so forever.
    /// </summary>
    public int Interruptions { get; init; }

    /// <summary>The retries that it has in all.</summary>
    public required int MaxRetries { get; init; }

    /// <summary>Its bytes; completed: none, they are not kept.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Its headers; empty if it has none, or is completed.</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    /// <summary>
    /// Whether what is stored of it was changed or deleted by somebody else's hand, or evicted: what is shown may be missing, and
    /// <see cref="Payload"/> may be what is stored, as it is. If that concerns what was posted, the event is not delivered but dead-lettered.
    /// </summary>
    public bool IsDamaged { get; init; }

    /// <summary>Dead-lettered: why. Otherwise null.</summary>
    public DeadLetterReason? DeadLetterReason { get; init; }

    /// <summary>Dead-lettered: since when, by the store's clock. Otherwise null.</summary>
    public DateTimeOffset? DeadLetteredAt { get; init; }

    /// <summary>Dead-lettered: since when, in ms by the partition's clock. It identifies the dead letter: what is shown depends on the offset of that clock. Otherwise null.</summary>
    internal long? DeadLetterStamp { get; init; }

    /// <summary>Dead-lettered: for how long, by the store's clock. Otherwise null.</summary>
    public TimeSpan? DeadLetteredFor { get; init; }

    /// <summary>Completed: when it was confirmed, by the store's clock. Otherwise null.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Completed: how. Otherwise null.</summary>
    public CompletedOutcome? Outcome { get; init; }

    /// <summary>Its last ten failures, the oldest first.</summary>
    public IReadOnlyList<AttemptFailure> Failures { get; init; } = [];
}
