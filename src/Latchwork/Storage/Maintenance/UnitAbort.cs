namespace Latchwork.Storage.Maintenance;

/// <summary>Ends the move of one namespace before its end.</summary>
/// <remarks>
/// (1) The import is closed: nothing comes to the target any more. (2) The events that are in both stores are deleted in the source; they can
/// only be at the beginning of what it has, since a batch is always the beginning. (3) The source is opened. (4) The import is over and the
/// journal dropped. Each step can be repeated; after a kill, the next abort continues.
/// </remarks>
internal sealed class UnitAbort(IStoreMaintenance source, IStoreMaintenance target, NamespaceRef unit)
{
    public async Task<MoveReport> RunAsync(CancellationToken cancellationToken)
    {
        TransferMarks marks = await source.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
        if (marks.Seal is { Phase: TransferPhase.Moved } over) return new MoveReport(unit, MoveEnd.Untouched, over.Count, over.Place);
        if (marks.Seal is not { } seal) return await EndAsync(await target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        if (seal.Place != target.Place) throw new MoveRefusedException($"{unit} is being moved to {seal.Place}. Give that as the target to abort it.");

        await CloseImportAsync(seal, cancellationToken).ConfigureAwait(false);
        if (unit.Kind == TransferKind.Timers) await DeleteArrivedAsync(seal.MoveId, cancellationToken).ConfigureAwait(false);
        if (!await source.SwitchAsync(unit, marks, marks with { Seal = null }, cancellationToken).ConfigureAwait(false))
        {
            throw new MoveRefusedException($"The seal of {unit} was changed by somebody else. Run the abort again.");
        }

        MoveReport report = await EndAsync(await target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return report with { End = MoveEnd.Aborted };
    }

    private async Task CloseImportAsync(TransferMark seal, CancellationToken cancellationToken)
    {
        TransferMarks marks = await target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
        if (marks.Import is { Phase: TransferPhase.Closed } closed && closed.MoveId == seal.MoveId) return;
        bool isOthers = marks.Import is { Phase: not TransferPhase.Done } import && import.MoveId != seal.MoveId;
        if (isOthers) return; // this move has not come so far

        var open = marks.Import is { Phase: TransferPhase.Importing } mine ? mine : new TransferMark(TransferPhase.Importing, seal.MoveId, 0, source.Place);
        if (!await target.SwitchAsync(unit, marks, marks with { Import = open with { Phase = TransferPhase.Closed } }, cancellationToken).ConfigureAwait(false))
        {
            throw new MoveRefusedException($"In the target, the marks of {unit} were changed by somebody else. Run the abort again.");
        }
    }

    private async Task DeleteArrivedAsync(string moveId, CancellationToken cancellationToken)
    {
        string[] known = [];
        do
        {
            IReadOnlyList<TransferEvent> page = await source.ReadEventsAsync(unit.Namespace, moveId, known, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<ImportOutcome> outcomes = page.Count == 0 ? [] : await target.WriteEventsAsync(unit.Namespace, moveId, page, cancellationToken).ConfigureAwait(false);
            known = [.. page.Where((_, i) => outcomes[i] == ImportOutcome.Known).Select(e => e.Id)];
        }
        while (known.Length > 0);
    }

    private async Task<MoveReport> EndAsync(TransferMarks marks, CancellationToken cancellationToken)
    {
        if (marks.Import is not { Phase: TransferPhase.Closed } import || import.Place != source.Place) return new MoveReport(unit, MoveEnd.Untouched, 0, source.Place);
        if (!await target.SwitchAsync(unit, marks, marks with { Import = import with { Phase = TransferPhase.Done } }, cancellationToken).ConfigureAwait(false))
        {
            throw new MoveRefusedException($"In the target, the marks of {unit} were changed by somebody else. Run the abort again.");
        }

        while (!await target.DropJournalAsync(unit, cancellationToken).ConfigureAwait(false)) { }
        return new MoveReport(unit, MoveEnd.Aborted, import.Count, source.Place);
    }
}
