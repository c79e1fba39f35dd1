using System.Runtime.CompilerServices;

namespace Latchwork.Redis.Doctoring;

/// <summary>Examines one partition.</summary>
internal sealed class PartitionPatient(RedisTimerStore store, TransferUnit unit, TimerPartition partition, PartitionNumber number, bool fix)
{
    private const string Node = "latchwork-doctor";

    public async IAsyncEnumerable<DoctorFinding> ExamineAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (TimerState state in (TimerState[])[TimerState.Scheduled, TimerState.InFlight, TimerState.Dead])
        {
            (string Id, string Score)? last = null;
            while (true)
            {
                (IReadOnlyList<(string Id, string Score)> page, IReadOnlyList<(string What, string Name)> found) =
                    await store.CheckStatesAsync(partition, number, state, last, fix, cancellationToken).ConfigureAwait(false);
                foreach (DoctorFinding finding in Findings(found)) yield return finding;
                (string Id, string Score)[] strays = [.. page.Where(e => HomeOf(e.Id) != partition.Index).ExceptBy(found.Select(static one => one.Name), static e => e.Id)];
                if (strays.Length > 0)
                {
                    foreach (DoctorFinding finding in await MoveAsync(state, strays, cancellationToken).ConfigureAwait(false)) yield return finding;
                }

                if (page.Count == 0) break;
                last = page[^1];
            }
        }

        string? cursor = "0";
        while (cursor is not null)
        {
            (cursor, IReadOnlyList<(string What, string Name)> found) = await store.CheckBodiesAsync(partition, number, cursor!, fix, cancellationToken).ConfigureAwait(false);
            foreach (DoctorFinding finding in Findings(found)) yield return finding;
        }

        foreach ((TimerScript script, int lists, DoctorProblem problem) in
            ((TimerScript, int, DoctorProblem)[])[(TimerScript.CheckRecords, 3, DoctorProblem.LeftoverRecord), (TimerScript.CheckNodes, 4, DoctorProblem.LostNode)])
        {
            for (int which = 0; which < lists; which++)
            {
                for (string? at = "0"; at is not null;)
                {
                    (at, IReadOnlyList<string> found) = await store.CheckListAsync(script, partition, number, which, at!, fix, cancellationToken).ConfigureAwait(false);
                    if (found.Count > 0) yield return new DoctorFinding(problem, unit, [.. found.Distinct(StringComparer.Ordinal)], fix);
                }
            }
        }
    }

    private IEnumerable<DoctorFinding> Findings(IReadOnlyList<(string What, string Name)> found)
    {
        foreach (IGrouping<string, string> group in found.GroupBy(static one => one.What, static one => one.Name))
        {
            DoctorProblem problem = group.Key switch
            {
                "missing" => DoctorProblem.MissingPayload,
                "several" => DoctorProblem.SeveralStates,
                "unleased" => DoctorProblem.MissingLease,
                "stuck" => DoctorProblem.EndlessLease,
                "over" => DoctorProblem.LeaseLongOver,
                "orphan" => DoctorProblem.OrphanPayload,
                _ => DoctorProblem.LeftoverRecord,
            };
            yield return new DoctorFinding(problem, unit, [.. group], fix && problem != DoctorProblem.LeaseLongOver);
        }
    }

    /// <summary>
    /// Moves events to where they belong. Those that are scheduled are held first, so that nobody delivers them here and there; they are stored
    /// there only if their id is free, and end here only if they are still held. If this process ends in between they are here once more when the
    /// hold has run out, and may be delivered twice.
    /// </summary>
    private async Task<IReadOnlyList<DoctorFinding>> MoveAsync(TimerState state, (string Id, string Score)[] strays, CancellationToken cancellationToken)
    {
        var findings = new List<DoctorFinding>();
        if (!fix || state == TimerState.InFlight)
        {
            string detail = fix ? "in flight: run it again when they are through" : "";
            findings.Add(new DoctorFinding(DoctorProblem.WrongPartition, unit, [.. strays.Select(static e => e.Id)], IsMended: false, detail));
            return findings;
        }

        string token = Guid.NewGuid().ToString("N");
        if (state == TimerState.Scheduled)
        {
            bool[] held = await store.GrabAsync(partition, number, token, Node, [.. strays.Select(static e => e.Id)], cancellationToken).ConfigureAwait(false);
            strays = [.. strays.Where((_, i) => held[i])];
        }

        var moved = new List<string>();
        var taken = new List<string>();
        for (int next = 0; next < strays.Length;)
        {
            LiftedEvents lifted = await store.LiftAsync(partition, number, [.. strays[next..].Select(static e => e.Id)], cancellationToken).ConfigureAwait(false);
            next += lifted.Events.Count;
            LiftedEvent[] events = [.. lifted.Events.Where(static e => e.IsThere).Select(e => state == TimerState.Scheduled ? Freed(e, strays) : e with { Replace = false })];
            foreach (IGrouping<int, LiftedEvent> group in events.GroupBy(e => HomeOf(e.Id)))
            {
                LiftedEvent[] some = [.. group];
                bool[] placed = await store.PlaceAsync(new TimerPartition(partition.Namespace, group.Key), number, lifted with { Events = some }, cancellationToken).ConfigureAwait(false);
                moved.AddRange(some.Where((_, i) => placed[i]).Select(static e => e.Id));
                taken.AddRange(some.Where((_, i) => !placed[i]).Select(static e => e.Id));
            }
        }

        if (state == TimerState.Scheduled)
        {
            await store.EndGrabAsync(partition, number, token, moved, confirm: true, cancellationToken).ConfigureAwait(false);
            await store.EndGrabAsync(partition, number, token, taken, confirm: false, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await store.PurgeAsync(partition, number, [.. strays.Where(e => moved.Contains(e.Id))], cancellationToken).ConfigureAwait(false);
        }

        if (moved.Count > 0) findings.Add(new DoctorFinding(DoctorProblem.WrongPartition, unit, moved, IsMended: true));
        if (taken.Count > 0)
            findings.Add(new DoctorFinding(DoctorProblem.WrongPartition, unit, taken, IsMended: false, "their ids are in the right partition, too: cancel them there, or let these fire"));
        return findings;
    }

    /// <summary>A held event as it was before: scheduled.</summary>
    private static LiftedEvent Freed(LiftedEvent held, (string Id, string Score)[] strays)
    {
        string due = Array.Find(strays, e => e.Id == held.Id).Score;
        ReadOnlyMemory<byte>[] fields = [.. held.Fields];
        (fields[0], fields[1], fields[5]) = (System.Text.Encoding.ASCII.GetBytes(due), default, default);
        return held with { Fields = fields, Replace = false };
    }

    private int HomeOf(string id) => TimerPartition.Of(partition.Namespace, id, number.From).Index;
}
