using System.Runtime.CompilerServices;

namespace Latchwork.Redis.Maintenance;

/// <content>Examining what Redis holds: namespace by namespace, partition by partition, page by page.</content>
internal sealed partial class RedisMaintenance
{
    public async IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (string name in (await timers.NamespacesAsync(cancellationToken).ConfigureAwait(false)).Where(name => ns is null || name == ns))
            await foreach (StoreFinding finding in ExamineTimersAsync(name, fix, cancellationToken).ConfigureAwait(false)) yield return finding;

        foreach (string name in (await locks.NamespacesAsync(cancellationToken).ConfigureAwait(false)).Where(name => ns is null || name == ns))
            await foreach (StoreFinding finding in ExamineLocksAsync(name, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
    }

    private async IAsyncEnumerable<StoreFinding> ExamineTimersAsync(string ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var unit = new NamespaceRef(TransferKind.Timers, ns);
        PartitionState first = await PartitionState.ReadAsync(timers, new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false);
        if (first.Format.Length == 0) yield break;
        var number = PartitionNumber.Parse(first.Partitions);
        if (number.To is { } to)
        {
            yield return new StoreFinding(
                StoreProblem.UnfinishedRepartition, unit, [], IsRepaired: false, $"from {number.From} to {to} partitions: run 'latchwork timer repartition {ns} --to {to}' to continue, or with '--to {number.From}' to turn back");
            yield break;
        }

        for (int i = 0; i < RedisOptions.MaxPartitions; i++)
        {
            var partition = new TimerPartition(ns, i);
            PartitionState state = i == 0 ? first : await PartitionState.ReadAsync(timers, partition, cancellationToken).ConfigureAwait(false);
            if (state.Format.Length == 0) continue;
            if (i >= number.From)
            {
                if (state.Events == 0) continue;
                yield return new StoreFinding(
                    StoreProblem.StrayPartition, unit, [], IsRepaired: false,
                    $"partition {i} has {state.Events} events, of clients that work with {state.Partitions} partitions while the namespace has {number.From}: stop them, then run 'latchwork timer repartition' to {state.Partitions} and back");
            }
            else if (state.Format != first.Format || state.Partitions != first.Partitions)
            {
                yield return new StoreFinding(
                    StoreProblem.OtherLayout, unit, [], IsRepaired: false, $"partition {i} has format {state.Format} and {state.Partitions} partitions, the first one format {first.Format} and {first.Partitions}");
            }
            else
            {
                await foreach (StoreFinding finding in ExamineAsync(unit, partition, state, number, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
            }
        }
    }

    private async IAsyncEnumerable<StoreFinding> ExamineAsync(
        NamespaceRef unit, TimerPartition partition, PartitionState state, PartitionNumber number, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        bool isImporting = state.Import.IsUnderWay();
        if (partition.Index == 0)
        {
            // Of several partitions the first one speaks for all.
            foreach (StoreFinding finding in MaintenanceRules.UnfinishedMoves(unit, state.Seal, state.Import)) yield return finding;
        }

        if (state.HasJournal && !isImporting)
        {
            if (fix) await timers.SendAsync(TimerScript.DropJournal, partition, number, cancellationToken).ConfigureAwait(false);
            yield return new StoreFinding(StoreProblem.LeftoverJournal, unit, [], fix);
        }

        // What is closed is somebody else's at the moment.
        bool isOpen = state.Seal is null && !isImporting;
        var checker = new PartitionChecker(timers, unit, partition, number, fix && isOpen);
        await foreach (StoreFinding finding in checker.ExamineAsync(cancellationToken).ConfigureAwait(false)) yield return finding;
        if (!isOpen) yield break;
        foreach (string[] damaged in (await timers.ScheduleStore.DamagedAsync(partition, cancellationToken).ConfigureAwait(false)).Chunk(Limits.MaxBatch))
            yield return new StoreFinding(StoreProblem.DamagedSchedule, unit, damaged, IsRepaired: false);
        await foreach (StoreFinding finding in ScheduleExaminer.ExamineAsync(timers, unit, partition, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
    }

    private async IAsyncEnumerable<StoreFinding> ExamineLocksAsync(string ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var unit = new NamespaceRef(TransferKind.Locks, ns);
        TransferMarks marks = await FindMarksAsync(ns, cancellationToken).ConfigureAwait(false);
        foreach (StoreFinding finding in MaintenanceRules.UnfinishedMoves(unit, marks.Seal, marks.Import)) yield return finding;
        string? cursor = null;
        do
        {
            (IReadOnlyList<string> keys, cursor) = await CheckLifeAsync(ns, cursor, fix, cancellationToken).ConfigureAwait(false);
            if (keys.Count > 0) yield return new StoreFinding(StoreProblem.EndlessLock, unit, keys, fix);
        }
        while (cursor is not null);
    }
}
