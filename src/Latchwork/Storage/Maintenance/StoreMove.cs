namespace Latchwork.Storage.Maintenance;

/// <summary>Moves namespaces from one store to another, or undoes a move that has not ended.</summary>
/// <remarks>
/// <para>
/// A namespace goes in these steps, each of which is atomic and can be repeated: (1) the source is closed; (2) the import is opened in the
/// target; (3) again and again a batch is read from the source, taken in by the target, which notes the ids in its journal in the same
/// step, and deleted from the source together with the reading of the next; (4) the counts are compared, and the history is copied; (5) the source's seal says that it
/// was moved; (6) the import is over and the journal dropped.
/// </para>
/// <para>
/// What happens if each step is the last that this process makes, or if its reply is lost: the next run finds the source closed and continues
/// under the same move. After (1) and (2) nothing has moved. Within (3) at most one batch is in both stores: the source is closed, so it is
/// delivered by the target only, and the next run reads the same batch, is answered that it is known there, even if it was delivered and
/// confirmed meanwhile, and deletes it in the source. After (5) the next run does (6). So nothing is there twice, and nothing is deleted
/// before the target has acknowledged it.
/// </para>
/// </remarks>
internal sealed class StoreMove
{
    private readonly LatchworkStore _from;
    private readonly LatchworkStore _to;
    private readonly IStoreMaintenance _source;
    private readonly IStoreMaintenance _target;
    private readonly MoveOptions _options;

    public StoreMove(LatchworkStore from, LatchworkStore to, MoveOptions options)
    {
        (_from, _to) = (from, to);
        _source = from.Maintenance ?? throw new ArgumentException($"Nothing can be moved from {from.Description}: this store cannot do it.");
        _target = to.Maintenance ?? throw new ArgumentException($"Nothing can be moved to {to.Description}: this store cannot do it.");
        _options = options;
        if (_source.Place == _target.Place) throw new ArgumentException($"The source and the target are the same store: {_source.Place}.");
    }

    /// <summary>Moves everything.</summary>
    /// <returns>What became of each namespace.</returns>
    /// <exception cref="MoveRefusedException">It cannot be done as things are; if nothing was closed before, nothing was changed.</exception>
    /// <exception cref="LatchworkStoreException">A store failed. The next run continues where this one ended.</exception>
    public async Task<IReadOnlyList<MoveReport>> RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<NamespaceRef> units = await UnitsAsync(cancellationToken).ConfigureAwait(false);
        var problems = new List<string>();
        foreach (NamespaceRef unit in units) await CheckAsync(unit, problems, cancellationToken).ConfigureAwait(false);
        if (problems.Count > 0) throw new MoveRefusedException(string.Join(" ", problems));

        var reports = new List<MoveReport>();
        foreach (NamespaceRef unit in units)
        {
            var move = new UnitMove(_source, _target, unit, _options);
            Add(reports, await move.RunAsync(cancellationToken).ConfigureAwait(false));
        }

        return reports;
    }

    /// <summary>Ends moves that have not come to their end: what is still in the source stays there, and the source is opened again. What has arrived stays in the target.</summary>
    /// <returns>What became of each namespace.</returns>
    /// <exception cref="MoveRefusedException">It cannot be done as things are.</exception>
    public async Task<IReadOnlyList<MoveReport>> AbortAsync(CancellationToken cancellationToken)
    {
        var reports = new List<MoveReport>();
        foreach (NamespaceRef unit in await UnitsAsync(cancellationToken).ConfigureAwait(false))
        {
            if (unit.Kind == TransferKind.Timers) await RefuseToPartAsync(unit, cancellationToken).ConfigureAwait(false);
            var abort = new UnitAbort(_source, _target, unit);
            Add(reports, await abort.RunAsync(cancellationToken).ConfigureAwait(false));
        }

        return reports;
    }

    /// <summary>
    /// A schedule comes before its occurrences. Aborted in between, its next occurrence would be delivered in the source, and posted and delivered once more in the target,
    /// where the schedule misses it.
    /// </summary>
    private async Task RefuseToPartAsync(NamespaceRef unit, CancellationToken cancellationToken)
    {
        TransferMark? seal = (await _source.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false)).Seal, import = (await _target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false)).Import;
        if (seal is not { Phase: TransferPhase.Moving } || import is not { Phase: TransferPhase.Importing } || import.MoveId != seal.MoveId || _to.Timers.Schedules is not { } schedules) return;
        var parted = new List<string>();
        int partitions = await _to.Timers.FindAsync(unit.Namespace, cancellationToken).ConfigureAwait(false) ?? 0;
        for (int i = 0; i < partitions && parted.Count <= UnitMove.MaxNamed; i++)
        {
            string? cursor = null;
            do
            {
                SchedulePage page = await schedules.ListAsync(new TimerPartition(unit.Namespace, i), cursor, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
                parted.AddRange(page.Records.Where(static one => one is { ExpectedId: not null, ExpectedState: null }).Select(static one => one.Id));
                cursor = page.Cursor;
            }
            while (cursor is not null && parted.Count <= UnitMove.MaxNamed);
        }

        if (parted.Count == 0) return;
        string named = string.Join(", ", parted.Take(UnitMove.MaxNamed).Select(id => $"'{id}'")) + (parted.Count > UnitMove.MaxNamed ? ", …" : "");
        throw new MoveRefusedException(
            $"Schedules of {unit} have come to the target, and their next occurrences are still in the source: {named}. Aborted now, these would run in both. Run the move again to its end, and then back if need be. Nothing was changed.");
    }

    private void Add(List<MoveReport> reports, MoveReport report)
    {
        reports.Add(report);
        _options.Report?.Invoke(report);
    }

    private async Task<IReadOnlyList<NamespaceRef>> UnitsAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<NamespaceRef> all = await _source.ListAsync(cancellationToken).ConfigureAwait(false);
        if (_options.Namespace is null) return all;
        NamespaceRef[] chosen = [.. all.Where(unit => unit.Namespace == _options.Namespace)];
        return chosen.Length > 0 ? chosen : throw new ArgumentException($"There is no namespace '{_options.Namespace}' in {_source.Place}.");
    }

    /// <summary>Looks for what stands in the way before anything is closed. Each is decided again, and for good, by the step itself.</summary>
    private async Task CheckAsync(NamespaceRef unit, List<string> problems, CancellationToken cancellationToken)
    {
        TransferMarks source = await _source.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
        if (source.Seal is not null) return; // a move to be continued, or one that is over
        if (source.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed } import)
        {
            problems.Add($"{unit} is itself the target of a move from {import.Place} that is not over: end that first.");
        }

        TransferMarks target = await _target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
        if (target.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed } other)
        {
            problems.Add($"In the target, {unit} is the target of another move, from {other.Place}, that is not over: end that first.");
        }

        if (unit.Kind == TransferKind.Locks)
        {
            await CheckLocksAsync(unit, problems, cancellationToken).ConfigureAwait(false);
            return;
        }

        CloseAnswer answer = await _source.CloseAsync(unit, "check", _target.Place, checkOnly: true, cancellationToken).ConfigureAwait(false);
        if (answer.Listeners.Count > 0) problems.Add(UnitMove.ListenersIn(unit, answer.Listeners));
    }

    private async Task CheckLocksAsync(NamespaceRef unit, List<string> problems, CancellationToken cancellationToken)
    {
        var held = new List<KeySnapshot>();
        string? cursor = null;
        do
        {
            LockerPage page = await _from.Locks.ListAsync(unit.Namespace, cursor, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
            held.AddRange(page.Items.Where(key => key.LeaseLeft > TimeSpan.Zero));
            cursor = page.Cursor;
        }
        while (cursor is not null && held.Count < UnitMove.MaxNamed);
        if (held.Count > 0) problems.Add(UnitMove.LocksIn(unit, [.. held.Select(key => (key.Key, key.NodeId ?? ""))]));
    }
}
