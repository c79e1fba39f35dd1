using System.Runtime.CompilerServices;

namespace Latchwork.Redis.Doctoring;

/// <summary>Examines what Redis holds: namespace by namespace, partition by partition, page by page.</summary>
internal sealed class RedisDoctor(RedisTimerStore timers, RedisLockerStore locks) : IStoreDoctor
{
    /// <inheritdoc/>
    public async IAsyncEnumerable<DoctorFinding> ExamineAsync(string? ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (string name in (await timers.NamespacesAsync(cancellationToken).ConfigureAwait(false)).Where(name => ns is null || name == ns))
        {
            await foreach (DoctorFinding finding in ExamineTimersAsync(name, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
        }

        foreach (string name in (await locks.NamespacesAsync(cancellationToken).ConfigureAwait(false)).Where(name => ns is null || name == ns))
        {
            await foreach (DoctorFinding finding in ExamineLocksAsync(name, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
        }
    }

    private async IAsyncEnumerable<DoctorFinding> ExamineTimersAsync(string ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var unit = new TransferUnit(TransferKind.Timers, ns);
        PartitionState first = await timers.InspectAsync(new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false);
        if (first.Format.Length == 0) yield break;
        var number = PartitionNumber.Parse(first.Partitions);
        if (number.To is { } to)
        {
            yield return new DoctorFinding(
                DoctorProblem.UnfinishedRepartition, unit, [], IsMended: false, $"from {number.From} to {to} partitions: run 'latchwork timer repartition {ns} --to {to}' to go on, or with '--to {number.From}' to turn back");
            yield break;
        }

        for (int i = 0; i < RedisOptions.MaxPartitions; i++)
        {
            var partition = new TimerPartition(ns, i);
            PartitionState state = i == 0 ? first : await timers.InspectAsync(partition, cancellationToken).ConfigureAwait(false);
            if (state.Format.Length == 0) continue;
            if (i >= number.From)
            {
                if (state.Events == 0) continue;
                yield return new DoctorFinding(
                    DoctorProblem.StrayPartition, unit, [], IsMended: false,
                    $"partition {i} has {state.Events} events, of clients that work with {state.Partitions} partitions while the namespace has {number.From}: stop them, then run 'latchwork timer repartition' to {state.Partitions} and back");
            }
            else if (state.Format != first.Format || state.Partitions != first.Partitions)
            {
                yield return new DoctorFinding(
                    DoctorProblem.OtherLayout, unit, [], IsMended: false, $"partition {i} has format {state.Format} and {state.Partitions} partitions, the first one format {first.Format} and {first.Partitions}");
            }
            else
            {
                await foreach (DoctorFinding finding in ExamineAsync(unit, partition, state, number, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
            }
        }
    }

    private async IAsyncEnumerable<DoctorFinding> ExamineAsync(
        TransferUnit unit, TimerPartition partition, PartitionState state, PartitionNumber number, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        bool isImporting = state.Import.IsUnderWay();
        if (partition.Index == 0)
        {
            // Of several partitions the first one speaks for all.
            foreach (DoctorFinding finding in DoctorRules.UnfinishedMoves(unit, state.Seal, state.Import)) yield return finding;
        }

        if (state.HasJournal && !isImporting)
        {
            if (fix) await timers.DropJournalAsync(partition, number, cancellationToken).ConfigureAwait(false);
            yield return new DoctorFinding(DoctorProblem.LeftoverJournal, unit, [], fix);
        }

        // What is sealed is somebody else's at the moment.
        var patient = new PartitionPatient(timers, unit, partition, number, fix && state.Seal is null && !isImporting);
        await foreach (DoctorFinding finding in patient.ExamineAsync(cancellationToken).ConfigureAwait(false)) yield return finding;
    }

    private async IAsyncEnumerable<DoctorFinding> ExamineLocksAsync(string ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var unit = new TransferUnit(TransferKind.Locks, ns);
        TransferMarks marks = await locks.FindMarksAsync(ns, cancellationToken).ConfigureAwait(false);
        foreach (DoctorFinding finding in DoctorRules.UnfinishedMoves(unit, marks.Seal, marks.Import)) yield return finding;
        string? cursor = null;
        do
        {
            (IReadOnlyList<string> keys, cursor) = await locks.CheckLifeAsync(ns, cursor, fix, cancellationToken).ConfigureAwait(false);
            if (keys.Count > 0) yield return new DoctorFinding(DoctorProblem.EndlessLock, unit, keys, fix);
        }
        while (cursor is not null);
    }
}
