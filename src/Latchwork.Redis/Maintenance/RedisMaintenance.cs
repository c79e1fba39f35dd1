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

    public async Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> known = await timers.NamespacesAsync(cancellationToken).ConfigureAwait(false);
        if (!known.Contains(ns) && await timers.FindAsync(ns, cancellationToken).ConfigureAwait(false) is null) return null;
        TransferMarks marks = (await MarksAsync(ns, null, cancellationToken).ConfigureAwait(false)).Marks;
        if (marks.Import.IsUnderWay()) throw MaintenanceRules.RefuseDrop(ns, marks.Import!);

        // First a check of all of them, so that none is deleted as long as anything stands in the way of another.
        NamespaceDrop look = await PassAsync(lookOnly: true).ConfigureAwait(false);
        if (look.Listeners.Count > 0 || (look.Events > 0 && !force)) return look;
        NamespaceDrop drop = await PassAsync(lookOnly: false).ConfigureAwait(false);
        if (!drop.IsDropped) return drop;

        // A post that begins the namespace anew notes it in the list, perhaps before it is taken off it here.
        timers.Forget(ns);
        await timers.EvaluateAsync(TimerScript.Unregister, ns, cancellationToken).ConfigureAwait(false);
        bool[] again = await timers.EachAsync(ns, partition => timers.ExistsAsync(partition, cancellationToken)).ConfigureAwait(false);
        if (again.Contains(true)) await timers.RegisterAgainAsync(ns, cancellationToken).ConfigureAwait(false);
        return drop;

        async Task<NamespaceDrop> PassAsync(bool lookOnly)
        {
            NamespaceDrop[] parts = await timers.EachAsync(ns, async partition =>
            {
                RedisReply reply = await timers.SendAsync(TimerScript.DropNamespace, partition, cancellationToken, force ? 1 : 0, lookOnly ? 1 : 0).ConfigureAwait(false);
                return new NamespaceDrop(reply[1].Number == 1, reply[0].Number, reply.Texts[2..]);
            }).ConfigureAwait(false);
            return new NamespaceDrop(
                Array.TrueForAll(parts, static part => part.IsDropped),
                parts.Sum(static part => part.Events),
                [.. parts.SelectMany(static part => part.Listeners).Distinct(StringComparer.Ordinal).Take(MaintenanceRules.MaxNamed)]);
        }
    }

    public async Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        (await MarksAsync(unit, null, cancellationToken).ConfigureAwait(false)).Marks;

    public async Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Timers) return await CloseAsync(unit.Namespace, moveId, target, checkOnly, cancellationToken).ConfigureAwait(false);
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

    public async Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken)
    {
        Limits.CheckId(ns, nameof(ns));
        Limits.CheckRange(partitions, 1, RedisOptions.MaxPartitions, nameof(partitions));
        PartitionState first = await PartitionState.ReadAsync(timers, new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false);
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
            ? MarksAsync(unit.Namespace, change, cancellationToken)
            : MarksOfLocksAsync(unit.Namespace, change, cancellationToken);
}
