namespace Latchwork.Storage.Rules;

/// <summary>What all stores do and say alike when they are examined, and when a namespace is moved or dropped.</summary>
internal static class MaintenanceRules
{
    /// <summary>The most listening nodes that a refusal names.</summary>
    public const int MaxNamed = 20;

    /// <summary>What the clients of a closed namespace read. Nothing was changed for them.</summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="seal">Its seal.</param>
    public static LatchworkStoreException Refuse(NamespaceRef unit, TransferMark seal) => new(
        seal.Phase == TransferPhase.Moved
            ? $"{Capital(unit)} is closed: it was moved to {seal.Place}. Use that store; nothing was changed here."
            : $"{Capital(unit)} is closed: it is being moved to {seal.Place}. Use that store once the move is over (or 'latchwork move --abort' it); nothing was changed here.",
        StoreOutcome.NotApplied);

    /// <summary>What somebody reads who wants to drop a namespace into which another is being moved.</summary>
    public static LatchworkStoreException RefuseDrop(string ns, TransferMark import) => new(
        $"{Capital(new NamespaceRef(TransferKind.Timers, ns))} is the target of a move from {import.Place} that has not come to its end: finish it first (run 'latchwork move' again), or abort it; nothing was changed.",
        StoreOutcome.NotApplied);

    /// <summary>What a mover reads whose move is not the one that the namespace is closed for.</summary>
    public static LatchworkStoreException NotSealed(NamespaceRef unit, TransferMark? seal) => new(
        $"{Capital(unit)} is not closed for this move {(seal is null ? "(any more)" : $"but by another, to {seal.Place}")}; nothing was changed.",
        StoreOutcome.NotApplied);

    /// <summary>An event as it goes on its way. One in flight (its lease ran out before the namespace was closed) goes as if it had been taken back.</summary>
    /// <param name="snapshot">The event.</param>
    /// <param name="now">The time.</param>
    /// <param name="deadline">In flight: the end of the lease, in ms.</param>
    public static TransferEvent Pack(TimerSnapshot snapshot, StoreTime now, long deadline)
    {
        long due = now.Unshow(snapshot.Due);
        bool isAbsolute = snapshot.IsAbsolute;
        int retries = snapshot.Retries;
        IReadOnlyList<AttemptFailure> failures = snapshot.Failures;
        TransferDeadLetter? deadLetter = snapshot.DeadLetterReason is { } reason ? new TransferDeadLetter(reason, snapshot.DeadLetteredFor ?? TimeSpan.Zero) : null;
        if (snapshot.State == TimerState.InFlight)
        {
            failures = failures.With(retries, snapshot.NodeId ?? "", FailureRecord.LeaseExpired, now.RawMilliseconds);
            if (retries < snapshot.MaxRetries) (retries, due, isAbsolute) = (retries + 1, deadline, false);
            else deadLetter = new TransferDeadLetter(DeadLetterReason.LeaseExpired, TimeSpan.Zero);
        }

        // Elsewhere it would look whole.
        if (snapshot.IsDamaged) deadLetter ??= new TransferDeadLetter(DeadLetterReason.RecordDamaged, TimeSpan.Zero);
        return new TransferEvent(
            snapshot.Id, snapshot.Payload, snapshot.Headers, retries, snapshot.MaxRetries, new TimeSpan(due * TimeSpan.TicksPerMillisecond - now.Ticks), failures, deadLetter)
        { Interruptions = snapshot.Interruptions, IsAbsolute = isAbsolute && deadLetter is null };
    }

    /// <summary>The record of a schedule as it goes on its way: like an event, under an id that no event has.</summary>
    /// <param name="record">The record.</param>
    public static TransferEvent Pack(ScheduleRecord record) =>
        new(OccurrenceId.OfRecord(record.Id), ScheduleCodec.Encode(record), new Dictionary<string, string>(), 0, 0, TimeSpan.Zero, [], null);

    /// <summary>When an event that came is due: at the same moment as where it came from, and by the same kind of clock.</summary>
    /// <param name="moved">What came.</param>
    /// <param name="now">Now.</param>
    public static DueTime DueOf(TransferEvent moved, StoreTime now)
    {
        long due = now.From(moved.DueIn);
        return new DueTime(due, moved.IsAbsolute ? due - now.Ahead : null);
    }

    /// <summary>The record of a schedule that has arrived.</summary>
    /// <param name="moved">What came.</param>
    public static ScheduleRecord Unpack(TransferEvent moved) => ScheduleCodec.Decode(OccurrenceId.ScheduleOf(moved.Id)!, moved.Payload);

    /// <summary>What a key weighs in a batch.</summary>
    public static int Weight(TransferEvent moved)
    {
        int bytes = moved.Payload.Length;
        foreach (AttemptFailure failure in moved.Failures) bytes += failure.Error.Length;
        return bytes;
    }

    /// <summary>The namespace at the beginning of a sentence.</summary>
    public static string Capital(NamespaceRef unit)
    {
        string text = unit.ToString();
        return char.ToUpperInvariant(text[0]) + text[1..];
    }

    /// <summary>Whether a move to a namespace has begun and is not over.</summary>
    /// <param name="import">The mark of a move to it.</param>
    public static bool IsUnderWay(this TransferMark? import) => import is { Phase: TransferPhase.Importing or TransferPhase.Closed };

    /// <summary>Moves that have not come to their end.</summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="seal">The mark of a move from it.</param>
    /// <param name="import">The mark of a move to it.</param>
    public static IEnumerable<StoreFinding> UnfinishedMoves(NamespaceRef unit, TransferMark? seal, TransferMark? import)
    {
        if (seal is { Phase: TransferPhase.Moving }) yield return Unfinished($"to {seal.Place}");
        if (import.IsUnderWay()) yield return Unfinished($"from {import!.Place}");

        StoreFinding Unfinished(string where) =>
            new(StoreProblem.UnfinishedMove, unit, [], IsRepaired: false, $"{where}: run 'latchwork move' again, or with '--abort'");
    }

    /// <summary>What somebody reads who wants another number of partitions in a store that has one a namespace.</summary>
    /// <param name="place">Where the store is.</param>
    public static NotSupportedException OnePartition(string place) => new($"{place} keeps each namespace in one partition; only Redis has more");
}
