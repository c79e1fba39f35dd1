namespace Latchwork.Redis.Maintenance;

/// <summary>Moves namespaces to and from Redis. Each step is one script; of locks, one for each key.</summary>
internal sealed class RedisTransfer(RedisTimerStore timers, RedisLockerStore locks, string place) : IStoreTransfer
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

    public async Task<TransferMarks> PeekAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        (await MarksAsync(unit, null, cancellationToken).ConfigureAwait(false)).Marks;

    public async Task<SealAnswer> SealAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Timers) return await timers.SealAsync(unit.Namespace, moveId, target, checkOnly, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            TransferMarks marks = await PeekAsync(unit, cancellationToken).ConfigureAwait(false);
            if (marks.Seal is not null || checkOnly) return new SealAnswer(marks.Seal, [], TimeSpan.Zero);
            TransferMarks next = marks with { Seal = new TransferMark(TransferPhase.Moving, moveId, 0, target) };
            if (await ChangeAsync(unit, marks, next, cancellationToken).ConfigureAwait(false)) return new SealAnswer(next.Seal, [], TimeSpan.Zero);
        }
    }

    public async Task<bool> ChangeAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        (await MarksAsync(unit, (expected, wanted), cancellationToken).ConfigureAwait(false)).Changed;

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) => timers.ReadCountersAsync(ns, cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) => timers.ReadCompletedAsync(ns, cursor, cancellationToken);

    public Task<bool> ImportCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        timers.ImportCompletedAsync(ns, moveId, lines, cancellationToken);

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) => locks.ReadCountsAsync(ns, cancellationToken);

    public async Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Timers) await timers.DropJournalAsync(unit.Namespace, cancellationToken).ConfigureAwait(false);
        return true;
    }

    public Task<IReadOnlyList<TransferEvent>> NextEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        timers.NextAsync(ns, moveId, arrived, cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> ImportEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        timers.ImportAsync(ns, moveId, events, cancellationToken);

    public Task<TransferKeyPage> NextKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
        locks.NextAsync(ns, moveId, arrived, cursor, cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> ImportKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        locks.ImportAsync(ns, moveId, keys, cancellationToken);

    private Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        NamespaceRef unit, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken) =>
        unit.Kind == TransferKind.Timers
            ? timers.MarksAsync(unit.Namespace, change, cancellationToken)
            : locks.MarksAsync(unit.Namespace, change, cancellationToken);
}
