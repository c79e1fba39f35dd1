namespace Latchwork;

/// <summary>What has happened to the events of a namespace, counted by the store in the same steps. Each number is zero or more.</summary>
public sealed record TimerCounts
{
    /// <summary>Nothing.</summary>
    public static TimerCounts Zero { get; } = new();

    /// <summary>Events that were posted, occurrences of schedules and those that replaced another included.</summary>
    public long Posted { get; init; }

    /// <summary>Posts that replaced an event of the same id.</summary>
    public long Replaced { get; init; }

    /// <summary>Events that were removed before their end: cancelled, skipped, or removed with their schedule. Purged dead letters are not among them.</summary>
    public long Cancelled { get; init; }

    /// <summary>Deliveries: an event counts as often as it was claimed.</summary>
    public long Delivered { get; init; }

    /// <summary>Deliveries that were confirmed.</summary>
    public long Confirmed { get; init; }

    /// <summary>Attempts that were reported as failed, the last ones included.</summary>
    public long Failed { get; init; }

    /// <summary>Deliveries that were handed back with no retry spent.</summary>
    public long HandedBack { get; init; }

    /// <summary>Leases that ran out, and whose event was taken back by a claim.</summary>
    public long ExpiredLeases { get; init; }

    /// <summary>Events that were dead-lettered, for whatever reason.</summary>
    public long DeadLettered => RetriesExhausted + LeaseExpired + Rejected + DeserializationFailed + RecordDamaged;

    /// <summary>Events that were dead-lettered for <see cref="DeadLetterReason.RetriesExhausted"/>.</summary>
    public long RetriesExhausted { get; init; }

    /// <summary>Events that were dead-lettered for <see cref="DeadLetterReason.LeaseExpired"/>.</summary>
    public long LeaseExpired { get; init; }

    /// <summary>Events that were dead-lettered for <see cref="DeadLetterReason.Rejected"/>.</summary>
    public long Rejected { get; init; }

    /// <summary>Events that were dead-lettered for <see cref="DeadLetterReason.DeserializationFailed"/>.</summary>
    public long DeserializationFailed { get; init; }

    /// <summary>Events that a claim dead-lettered for <see cref="DeadLetterReason.RecordDamaged"/>. What <c>latchwork doctor</c> repairs is not counted.</summary>
    public long RecordDamaged { get; init; }

    /// <summary>Events that were dead-lettered for a reason.</summary>
    internal long DeadLetteredFor(DeadLetterReason reason) => reason switch
    {
        DeadLetterReason.RetriesExhausted => RetriesExhausted,
        DeadLetterReason.LeaseExpired => LeaseExpired,
        DeadLetterReason.Rejected => Rejected,
        DeadLetterReason.DeserializationFailed => DeserializationFailed,
        _ => RecordDamaged,
    };

    /// <summary>The numbers in the order in which stores keep them: see <see cref="Storage.Rules.TimerCounter"/>.</summary>
    internal static TimerCounts From(ReadOnlySpan<long> numbers) => numbers.IndexOfAnyExcept(0) < 0
        ? Zero
        : new()
        {
            Posted = numbers[0],
            Replaced = numbers[1],
            Cancelled = numbers[2],
            Delivered = numbers[3],
            Confirmed = numbers[4],
            Failed = numbers[5],
            HandedBack = numbers[6],
            ExpiredLeases = numbers[7],
            RetriesExhausted = numbers[8],
            LeaseExpired = numbers[9],
            Rejected = numbers[10],
            DeserializationFailed = numbers[11],
            RecordDamaged = numbers[12],
        };

    internal long[] ToNumbers() =>
    [
        Posted, Replaced, Cancelled, Delivered, Confirmed, Failed, HandedBack, ExpiredLeases,
        RetriesExhausted, LeaseExpired, Rejected, DeserializationFailed, RecordDamaged,
    ];
}
