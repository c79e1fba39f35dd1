namespace Latchwork.Storage.Maintenance;

/// <summary>Moves one namespace; see <see cref="StoreMove"/> for the steps.</summary>
internal sealed class UnitMove(IStoreMaintenance source, IStoreMaintenance target, NamespaceRef unit, MoveOptions options)
{
    /// <summary>The most keys or ids that a refusal names.</summary>
    public const int MaxNamed = 5;

    /// <summary>How often marks are looked at again when somebody else changed them in between.</summary>
    private const int MaxAttempts = 10;

    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(10);

    private TimeSpan _timeout = options.WaitTimeout;
    private string _moveId = "";
    private long _total;

    public static string ListenersIn(NamespaceRef unit, IReadOnlyList<string> nodes) =>
        $"Nodes listen to {unit}: {string.Join(", ", nodes)}. Stop them first (one that died counts as listening for a few seconds).";

    public static string LocksIn(NamespaceRef unit, IReadOnlyList<(string Key, string Node)> held) =>
        $"Keys of {unit} are locked: {string.Join(", ", held.Take(MaxNamed).Select(key => $"'{key.Key}' by {key.Node}"))}{(held.Count > MaxNamed ? ", …" : "")}. Let their work end first.";

    public async Task<MoveReport> RunAsync(CancellationToken cancellationToken)
    {
        TransferMark seal = await CloseAsync(cancellationToken).ConfigureAwait(false);
        (_moveId, _total) = (seal.MoveId, seal.Count);
        if (seal.Place != target.Place)
        {
            if (seal.Phase == TransferPhase.Moved) return new MoveReport(unit, MoveEnd.Elsewhere, seal.Count, seal.Place);
            throw new MoveRefusedException($"{unit} is being moved to {seal.Place} already. Give that as the target to continue, or abort that move.");
        }

        if (seal.Phase == TransferPhase.Moved)
        {
            await EndImportAsync(cancellationToken).ConfigureAwait(false);
            return new MoveReport(unit, MoveEnd.MovedBefore, seal.Count, target.Place);
        }

        await OpenImportAsync(seal, cancellationToken).ConfigureAwait(false);
        long count = unit.Kind == TransferKind.Timers
            ? await MoveEventsAsync(cancellationToken).ConfigureAwait(false)
            : await MoveKeysAsync(cancellationToken).ConfigureAwait(false);
        if (unit.Kind == TransferKind.Timers) await MoveCompletedAsync(cancellationToken).ConfigureAwait(false);

        TransferMarks open = (await source.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false)) with { Seal = seal };
        if (!await source.SwitchAsync(unit, open, open with { Seal = seal with { Phase = TransferPhase.Moved }, Pause = null }, cancellationToken).ConfigureAwait(false))
        {
            TransferMark? now = (await source.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false)).Seal;
            if (now == seal) throw new MoveRefusedException($"There is still something of {unit} in the source, although nothing was left to be moved. The source stays closed; run the move again.");
            if (now is not { Phase: TransferPhase.Moved } || now.MoveId != _moveId) throw new MoveRefusedException($"The seal of {unit} was changed by somebody else. Run the move again.");
        }

        await EndImportAsync(cancellationToken).ConfigureAwait(false);
        return new MoveReport(unit, MoveEnd.Moved, count, target.Place);
    }

    private async Task<TransferMark> CloseAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            CloseAnswer answer = await source.CloseAsync(unit, Guid.NewGuid().ToString("N"), target.Place, checkOnly: false, cancellationToken).ConfigureAwait(false);
            if (answer.Seal is { } seal) return seal;
            if (answer.Listeners.Count > 0) throw new MoveRefusedException(ListenersIn(unit, answer.Listeners));
            await WaitAsync(
                answer.LeaseLeft,
                "leases of events in flight",
                () => $"Events of {unit} are in flight under leases of nodes that do not answer; the last runs out in {answer.LeaseLeft.TotalSeconds:0.#} s. Run the move again then.",
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Opens the import, or finds it open. What is paused in the source is paused in the target before the first event comes.</summary>
    private async Task OpenImportAsync(TransferMark seal, CancellationToken cancellationToken)
    {
        TimerPause? pause = (await source.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false)).Pause;
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            TransferMarks marks = await target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
            if (marks.Seal is { Phase: TransferPhase.Moving } other)
            {
                if (other.MoveId != _moveId) throw new MoveRefusedException($"In the target, {unit} is itself being moved away, to {other.Place}. End that move first.");
                await source.SwitchAsync(unit, marks, marks with { Seal = null }, cancellationToken).ConfigureAwait(false);
                throw new MoveRefusedException($"{source.Place} and {target.Place} are the same store. Nothing was moved.");
            }

            if (marks.Import is { } import)
            {
                if (import is { Phase: TransferPhase.Importing } && import.MoveId == _moveId) return;
                if (import.MoveId == _moveId) throw new MoveRefusedException($"The move of {unit} is being aborted. Run it with --abort to the end.");
                if (import.Phase != TransferPhase.Done) throw new MoveRefusedException($"In the target, {unit} is the target of another move, from {import.Place}, that is not over. End that first.");
                while (!await target.DropJournalAsync(unit, cancellationToken).ConfigureAwait(false)) { }
            }

            // A seal that says that everything was moved away from there is lifted: now it comes back.
            var open = new TransferMarks(null, new TransferMark(TransferPhase.Importing, seal.MoveId, 0, source.Place)) { Pause = marks.Pause ?? pause };
            if (await target.SwitchAsync(unit, marks, open, cancellationToken).ConfigureAwait(false)) return;
        }

        throw new MoveRefusedException($"In the target, the marks of {unit} are changed by somebody else all the time. Run the move again.");
    }

    private async Task EndImportAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            TransferMarks marks = await target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false);
            if (marks.Import is not { } import || import.MoveId != _moveId) return; // a later move has begun: this one's journal is gone
            if (import.Phase != TransferPhase.Done)
            {
                // The counters come last, in the step that ends the import: so they come once, however often a move is cut off, and not at all if it is aborted.
                TransferMarks done = marks with { Import = import with { Phase = TransferPhase.Done } };
                done = unit.Kind == TransferKind.Timers
                    ? done with { Counters = await source.ReadCountersAsync(unit.Namespace, cancellationToken).ConfigureAwait(false) }
                    : done with { LockerStats = await source.ReadLockerStatsAsync(unit.Namespace, cancellationToken).ConfigureAwait(false) };
                if (!await target.SwitchAsync(unit, marks, done, cancellationToken).ConfigureAwait(false)) continue;
            }

            while (!await target.DropJournalAsync(unit, cancellationToken).ConfigureAwait(false)) { }
            return;
        }
    }

    /// <returns>The events that were moved in all, by whichever run.</returns>
    private async Task<long> MoveEventsAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> arrived = [];
        long moved = 0;
        while (true)
        {
            IReadOnlyList<TransferEvent> page = await source.ReadEventsAsync(unit.Namespace, _moveId, arrived, cancellationToken).ConfigureAwait(false);
            long read = options.TimeProvider.GetTimestamp();
            moved += arrived.Count;
            options.Progress?.Invoke(new MoveProgress(unit, moved, _total, null));
            if (page.Count == 0) break;

            // What passes here counts: a process that stands still makes nothing late. (Measured from the reply on, so nothing is early.)
            TimeSpan passed = options.TimeProvider.GetElapsedTime(read);
            TransferEvent[] due = [.. page.Select(e => e with { DueIn = e.DueIn - passed, DeadLetter = e.DeadLetter is null ? null : e.DeadLetter with { Ago = e.DeadLetter.Ago + passed } })];
            IReadOnlyList<ImportOutcome> outcomes = await target.WriteEventsAsync(unit.Namespace, _moveId, due, cancellationToken).ConfigureAwait(false);
            CheckOutcomes(outcomes, i => page[i].Id, "events with the same ids. Cancel them in one of the stores (in the source after 'latchwork move --abort')");
            arrived = [.. page.Select(e => e.Id)];
        }

        long came = (await target.ReadMarksAsync(unit, cancellationToken).ConfigureAwait(false)).Import is { } import && import.MoveId == _moveId ? import.Count : -1;
        if (came >= 0 && came != _total)
        {
            throw new MoveRefusedException($"The counts of {unit} differ: {_total} events were in the source, {came} came to the target. The source stays closed; please report this.");
        }

        return _total;
    }

    /// <summary>Copies the history, which the step that follows deletes in the source. Lines that come again change nothing.</summary>
    private async Task MoveCompletedAsync(CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            CompletedPage page = await source.ReadCompletedAsync(unit.Namespace, cursor, cancellationToken).ConfigureAwait(false);
            if (page.Lines.Count > 0 && !await target.WriteCompletedAsync(unit.Namespace, _moveId, page.Lines, cancellationToken).ConfigureAwait(false))
            {
                throw new MoveRefusedException($"The move of {unit} was ended or aborted by another process meanwhile.");
            }

            cursor = page.Cursor;
        }
        while (cursor is not null);
    }

    /// <returns>The keys that this run moved.</returns>
    private async Task<long> MoveKeysAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> arrived = [];
        long moved = 0;
        while (true)
        {
            bool found = false;
            TransferKey? held = null;
            string? cursor = null;
            do
            {
                TransferKeyPage page = await source.ReadKeysAsync(unit.Namespace, _moveId, arrived, cursor, cancellationToken).ConfigureAwait(false);
                long read = options.TimeProvider.GetTimestamp();
                moved += arrived.Count;
                options.Progress?.Invoke(new MoveProgress(unit, moved, 0, null));
                held = page.Keys.Where(key => key.HeldBy is not null).Append(held).OfType<TransferKey>().MaxBy(key => key.LeaseLeft);
                TransferKey[] free = [.. page.Keys.Where(key => key.HeldBy is null)];
                foreach (TransferKey[] batch in Batches(free))
                {
                    // What passes here counts: a mover that stands still makes no result younger than it is.
                    TimeSpan passed = options.TimeProvider.GetElapsedTime(read);
                    TransferKey[] aged = Array.ConvertAll(batch, key => key with { Outcome = key.Outcome is { } o ? o with { Age = o.Age + passed } : null });
                    IReadOnlyList<ImportOutcome> outcomes = await target.WriteKeysAsync(unit.Namespace, _moveId, aged, cancellationToken).ConfigureAwait(false);
                    CheckOutcomes(outcomes, i => batch[i].Key, "locks of the same keys. Let their work end");
                }

                arrived = [.. free.Select(key => key.Key)];
                found |= page.Keys.Count > 0;
                cursor = page.Cursor;
            }
            while (cursor is not null);

            if (!found) return moved; // a whole pass has found nothing, and nothing can come
            if (held is null) continue;
            await WaitAsync(
                held.LeaseLeft,
                $"the lock of '{held.Key}'",
                () => $"{LocksIn(unit, [(held.Key, held.HeldBy!)])} No new locks are granted there; run the move again then.",
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Keys in groups that one operation takes.</summary>
    private static IEnumerable<TransferKey[]> Batches(TransferKey[] keys)
    {
        int first = 0;
        long bytes = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            bytes += keys[i].Outcome?.Data.Length ?? 0;
            if (i > first && (i - first == Limits.MaxBatch || bytes > Limits.MaxBatchBytes))
            {
                yield return keys[first..i];
                (first, bytes) = (i, keys[i].Outcome?.Data.Length ?? 0);
            }
        }

        if (first < keys.Length) yield return keys[first..];
    }

    private void CheckOutcomes(IReadOnlyList<ImportOutcome> outcomes, Func<int, string> nameOf, string conflict)
    {
        if (outcomes.Contains(ImportOutcome.Closed)) throw new MoveRefusedException($"The move of {unit} was ended or aborted by another process meanwhile.");
        string[] names = [.. Enumerable.Range(0, outcomes.Count).Where(i => outcomes[i] == ImportOutcome.Conflict).Select(nameOf)];
        if (names.Length == 0) return;
        string named = string.Join(", ", names.Take(MaxNamed).Select(name => $"'{name}'")) + (names.Length > MaxNamed ? $" and {names.Length - MaxNamed} more" : "");
        throw new MoveRefusedException($"In the target, {unit} has {conflict} and run the move again: {named}. The source stays closed; what was moved so far is in the target.");
    }

    private async Task WaitAsync(TimeSpan wait, string what, Func<string> tooLong, CancellationToken cancellationToken)
    {
        if (wait > _timeout || _timeout <= TimeSpan.Zero) throw new MoveRefusedException(tooLong());
        options.Progress?.Invoke(new MoveProgress(unit, 0, _total, what));
        TimeSpan delay = wait > _shortest ? wait : _shortest;
        _timeout -= delay;
        await Task.Delay(delay, options.TimeProvider, cancellationToken).ConfigureAwait(false);
    }
}
