namespace Latchwork.Redis.Maintenance;

/// <summary>Moves namespaces to and from Redis, drops, examines and repartitions them. Each step is one script on one partition; of locks, one for each key.</summary>
internal sealed partial class RedisMaintenance(RedisTimerStore timers, RedisLockerStore locks, string place) : IStoreMaintenance
{
    public string Place => place;

    public async Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> ofTimers = await timers.NamespacesAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<string> ofLocks = await locks.NamespacesAsync(cancellationToken).ConfigureAwait(false);
        return
        [
            .. ofTimers.Select(static ns => new NamespaceRef(TransferKind.Timers, ns)),
            .. ofLocks.Select(static ns => new NamespaceRef(TransferKind.Locks, ns)),
        ];
    }

    public Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken) => timers.DropAsync(ns, force, cancellationToken);

    public async Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        (await MarksAsync(unit, null, cancellationToken).ConfigureAwait(false)).Marks;

    public async Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Timers) return await timers.CloseAsync(unit.Namespace, moveId, target, checkOnly, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            TransferMarks marks = await ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
            if (marks.Seal is not null || checkOnly) return new CloseAnswer(marks.Seal, [], TimeSpan.Zero);
            TransferMarks next = marks with { Seal = new TransferMark(TransferPhase.Moving, moveId, 0, target) };
            if (await SwitchAsync(unit, marks, next, cancellationToken).ConfigureAwait(false)) return new CloseAnswer(next.Seal, [], TimeSpan.Zero);
        }
    }

    public async Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        (await MarksAsync(unit, (expected, wanted), cancellationToken).ConfigureAwait(false)).Changed;

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) => timers.ReadCountersAsync(ns, cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) => timers.ReadCompletedAsync(ns, cursor, cancellationToken);

    public Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        timers.WriteCompletedAsync(ns, moveId, lines, cancellationToken);

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) => locks.ReadCountsAsync(ns, cancellationToken);

    public async Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Timers) await timers.DropJournalAsync(unit.Namespace, cancellationToken).ConfigureAwait(false);
        return true;
    }

    public Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        timers.NextAsync(ns, moveId, arrived, cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        timers.ImportAsync(ns, moveId, events, cancellationToken);

    public Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
        locks.NextAsync(ns, moveId, arrived, cursor, cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        locks.ImportAsync(ns, moveId, keys, cancellationToken);

    public async Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken)
    {
        Limits.CheckId(ns, nameof(ns));
        Limits.CheckRange(partitions, 1, RedisOptions.MaxPartitions, nameof(partitions));
        PartitionState first = await timers.PeekPartitionAsync(new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false);
        if (first.Format.Length == 0) return null;

        var now = PartitionNumber.Parse(first.Partitions);
        if (now.To is null && now.From == partitions) return new PartitionChange(partitions, partitions, 0, null, []);
        if (now.To is { } other && other != partitions && now.From != partitions)
        {
            string help = $"The timer namespace '{ns}' is being changed from {now.From} to {other} partitions already. Continue with '--to {other}', or turn back with '--to {now.From}'.";
            return new PartitionChange(now.From, partitions, 0, help, []);
        }

        int from = now.To is { } to && now.From == partitions ? to : now.From;
        var run = new Repartition(timers, ns, new PartitionNumber(from, partitions), progress);
        string? obstacle = await run.MakeAsync(cancellationToken).ConfigureAwait(false);
        return new PartitionChange(from, partitions, run.Moved, obstacle, run.Doubled);
    }

    private Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        NamespaceRef unit, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken) =>
        unit.Kind == TransferKind.Timers
            ? timers.MarksAsync(unit.Namespace, change, cancellationToken)
            : locks.MarksAsync(unit.Namespace, change, cancellationToken);
}
