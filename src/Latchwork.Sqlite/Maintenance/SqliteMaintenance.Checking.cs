using System.Runtime.CompilerServices;
using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Maintenance;

/// <content>
/// Examining a file. Pages are read on the thread that reads; what looks wrong is decided again, and repaired, in one transaction of the thread that
/// writes. SQLite keeps its own promises, so what is found was done by another hand, or by a disk.
/// </content>
internal sealed partial class SqliteMaintenance
{
    /// <summary>The most rows that one step reads.</summary>
    private const int PageSize = 1_000;

    /// <summary>How long a lease has been over that is reported, in ms.</summary>
    private const long LongOver = 600_000;

    private const string Lost = "It was in no state; its due time is not known.";

    public async IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string[] damage = await reader.RunAsync(QuickCheck, isDurable: false, cancellationToken).ConfigureAwait(false);
        if (damage.Length > 0)
        {
            yield return new StoreFinding(StoreProblem.DamagedFile, null, damage, IsRepaired: false);
            yield break; // nothing is to be written to it
        }

        Dictionary<long, string> names = await reader.RunAsync(Namespaces, isDurable: false, cancellationToken).ConfigureAwait(false);
        foreach (Part part in (Part[])[Part.Scheduled, Part.Leases, Part.DeadLetters, Part.Events])
        {
            for (Position? after = new Position(long.MinValue, 0, ""); after is not null;)
            {
                (Suspect[] suspects, after) = await reader.RunAsync(file => Page(file, part, after!), isDurable: false, cancellationToken).ConfigureAwait(false);
                foreach (IGrouping<long, Suspect> group in suspects.GroupBy(static suspect => suspect.Namespace))
                {
                    if (!names.TryGetValue(group.Key, out string? name) || (ns is not null && name != ns)) continue;
                    foreach (Suspect[] some in group.Chunk(Limits.MaxBatch))
                    {
                        foreach (StoreFinding finding in await JudgeAsync(name, part, some, fix, cancellationToken).ConfigureAwait(false)) yield return finding;
                    }
                }
            }
        }

        foreach (string name in names.Values.Where(name => ns is null || name == ns).Distinct(StringComparer.Ordinal))
        {
            (List<StoreFinding> findings, bool isOpen) = await writer.RunAsync(scope => Whole(scope, name, fix), fix, cancellationToken).ConfigureAwait(false);
            foreach (StoreFinding finding in findings) yield return finding;
            if (!isOpen) continue;
            var unit = new NamespaceRef(TransferKind.Timers, name);
            for (string? after = ""; after is not null;)
            {
                (List<string> damaged, after) = await writer.RunAsync(scope => DamagedOccurrences(scope, name, after!, fix), fix, cancellationToken).ConfigureAwait(false);
                if (damaged.Count > 0) yield return new StoreFinding(StoreProblem.DamagedOccurrences, unit, damaged, fix);
            }

            await foreach (StoreFinding finding in ScheduleExaminer.ExamineAsync(timers, unit, new TimerPartition(name, 0), fix, cancellationToken).ConfigureAwait(false)) yield return finding;
        }
    }

    private static string[] QuickCheck(SqliteFile file)
    {
        var lines = new List<string>();
        using Statement rows = file["PRAGMA quick_check(20)"];
        while (rows.Step()) lines.Add(rows.Text(0));
        return lines is ["ok"] ? [] : [.. lines];
    }

    private static Dictionary<long, string> Namespaces(SqliteFile file)
    {
        var names = new Dictionary<long, string>();
        using Statement rows = file["SELECT id, name FROM timer_namespaces"];
        while (rows.Step()) names.Add(rows.Long(0), rows.Text(1));
        return names;
    }

    /// <summary>Rows of one table that do not fit the others.</summary>
    /// <returns>They, and where the next page begins; null at the end.</returns>
    private static (Suspect[] Suspects, Position? Next) Page(SqliteFile file, Part part, Position after)
    {
        string query = part switch
        {
            Part.Scheduled => """
                SELECT s.key, s.namespace, s.id, s.due, NOT EXISTS (SELECT 1 FROM events e WHERE e.key = s.key AND e.namespace = s.namespace AND e.id = s.id AND e.due = s.due)
                FROM scheduled s WHERE (s.namespace, s.due, s.id) > (?1, ?3, ?4) ORDER BY s.namespace, s.due, s.id LIMIT ?2
                """,
            Part.Leases => """
                SELECT l.key, l.namespace, '', 0, NOT EXISTS (SELECT 1 FROM events e WHERE e.key = l.key AND e.namespace = l.namespace)
                FROM leases l WHERE l.key > ?1 ORDER BY l.key LIMIT ?2
                """,
            Part.DeadLetters => """
                SELECT d.key, d.namespace, d.id, 0, NOT EXISTS (SELECT 1 FROM events e WHERE e.key = d.key AND e.namespace = d.namespace)
                FROM dead d WHERE d.key > ?1 ORDER BY d.key LIMIT ?2
                """,
            _ => """
                SELECT e.key, e.namespace, e.id, e.due,
                    (SELECT count(*) FROM scheduled s WHERE s.namespace = e.namespace AND s.due = e.due AND s.id = e.id)
                    + (SELECT count(*) FROM leases l WHERE l.key = e.key) + (SELECT count(*) FROM dead d WHERE d.key = e.key) <> 1
                FROM events e WHERE e.key > ?1 ORDER BY e.key LIMIT ?2
                """,
        };
        var suspects = new List<Suspect>();
        int count = 0;
        Position last = after;
        Statement statement = file[query].Set(after.First).Set(PageSize);
        if (part == Part.Scheduled) statement = statement.Set(after.Due).Set(after.Id);
        using (Statement rows = statement)
        {
            for (; rows.Step(); count++)
            {
                last = part == Part.Scheduled ? new Position(rows.Long(1), rows.Long(3), rows.Text(2)) : new Position(rows.Long(0), 0, "");
                if (rows.Long(4) != 0) suspects.Add(new Suspect(rows.Long(0), rows.Long(1), rows.Text(2), rows.Long(3)));
            }
        }

        return ([.. suspects], count == PageSize ? last : null);
    }

    /// <summary>Decides again, and repairs, in one transaction.</summary>
    private Task<List<StoreFinding>> JudgeAsync(string name, Part part, Suspect[] suspects, bool fix, CancellationToken cancellationToken) => writer.RunAsync(
        scope =>
        {
            TimerNamespace ns = scope.Namespace(new TimerPartition(name, 0));
            bool repair = fix && ns.Seal is null && !ns.Import.IsUnderWay();
            var problems = new Dictionary<StoreProblem, List<string>>();
            foreach (Suspect suspect in suspects)
            {
                if ((part == Part.Events ? JudgeEvent(scope.File, ns, suspect, repair) : JudgeRow(scope.File, ns, part, suspect, repair)) is not var (problem, id)) continue;
                if (!problems.TryGetValue(problem, out List<string>? ids)) problems.Add(problem, ids = []);
                ids.Add(id);
            }

            return problems.Select(one => new StoreFinding(one.Key, new NamespaceRef(TransferKind.Timers, name), one.Value, repair)).ToList();
        },
        fix,
        cancellationToken);

    /// <summary>A row of a state whose event is not there.</summary>
    private static (StoreProblem Problem, string Id)? JudgeRow(SqliteFile file, TimerNamespace ns, Part part, Suspect suspect, bool repair)
    {
        string table = part == Part.Scheduled ? "scheduled" : part == Part.Leases ? "leases" : "dead";
        string where = part == Part.Scheduled ? "namespace = ?1 AND due = ?3 AND id = ?4" : "namespace = ?1 AND key = ?2 AND ?3 = ?3 AND ?4 = ?4";
        string same = part == Part.Scheduled ? " AND e.id = ?4 AND e.due = ?3" : "";
        using (Statement row = file[
            $"SELECT 1 FROM {table} WHERE {where} AND NOT EXISTS (SELECT 1 FROM events e WHERE e.key = ?2 AND e.namespace = ?1{same})"]
            .Set(ns.Id).Set(suspect.Key).Set(suspect.Due).Set(suspect.Id))
        {
            if (!row.Step()) return null;
        }

        bool isLost = suspect.Id.Length == 0 || new TimerEvents(file, ns).Find(suspect.Id) is null;
        if (repair)
        {
            file[$"DELETE FROM {table} WHERE {where}"].Set(ns.Id).Set(suspect.Key).Set(suspect.Due).Set(suspect.Id).Run();
            ns.Count(scheduled: part == Part.Scheduled ? -1 : 0, inFlight: part == Part.Leases ? -1 : 0, dead: part == Part.DeadLetters ? -1 : 0);
        }

        string id = suspect.Id.Length > 0 ? suspect.Id : $"key {suspect.Key}";
        return (isLost ? StoreProblem.MissingPayload : StoreProblem.LeftoverRecord, id);
    }

    /// <summary>An event that is in no state, or in several.</summary>
    private static (StoreProblem Problem, string Id)? JudgeEvent(SqliteFile file, TimerNamespace ns, Suspect suspect, bool repair)
    {
        var events = new TimerEvents(file, ns);
        if (events.Find(suspect.Id) is not { } place || place.Key != suspect.Key) return null;
        bool isScheduled;
        using (Statement row = file["SELECT 1 FROM scheduled WHERE namespace = ? AND due = ? AND id = ?"].Set(ns.Id).Set(place.Due).Set(place.Id)) isScheduled = row.Step();
        int states = (isScheduled ? 1 : 0) + (place.IsInFlight ? 1 : 0) + (place.IsDeadLettered ? 1 : 0);
        if (states == 1) return null;
        if (repair && states == 0)
        {
            StoreTime now = ns.Now();
            events.Record(place, "latchwork doctor", Lost, now);
            events.MoveToDeadLetters(place, now, DeadLetterReason.Rejected);
        }
        else if (repair)
        {
            // In flight rather than scheduled, and alive rather than dead.
            if (isScheduled && place.IsInFlight)
            {
                file["DELETE FROM scheduled WHERE namespace = ? AND due = ? AND id = ?"].Set(ns.Id).Set(place.Due).Set(place.Id).Run();
                ns.Count(scheduled: -1);
            }

            if (place.IsDeadLettered)
            {
                file["DELETE FROM dead WHERE key = ?"].Set(place.Key).Run();
                ns.Count(dead: -1);
            }
        }

        return (states == 0 ? StoreProblem.OrphanPayload : StoreProblem.SeveralStates, suspect.Id);
    }

    /// <summary>What concerns a namespace as a whole: marks of moves, its journal, its counts, and leases that nobody ends.</summary>
    /// <returns>What was found, and whether the namespace is not being moved, and was not moved away.</returns>
    private static (List<StoreFinding> Findings, bool IsOpen) Whole(WriteScope scope, string name, bool fix)
    {
        var unit = new NamespaceRef(TransferKind.Timers, name);
        var findings = new List<StoreFinding>();
        TimerNamespace ns = scope.Namespace(new TimerPartition(name, 0));
        SqliteFile file = scope.File;
        findings.AddRange(MaintenanceRules.UnfinishedMoves(unit, ns.Seal, ns.Import));
        if (!ns.Import.IsUnderWay() && Number(file, "SELECT count(*) FROM (SELECT 1 FROM imported WHERE namespace = ? LIMIT 1)", ns.Id) > 0)
        {
            if (fix) file["DELETE FROM imported WHERE namespace = ?"].Set(ns.Id).Run();
            findings.Add(new StoreFinding(StoreProblem.LeftoverJournal, unit, [], fix));
        }

        long over = Number(file, "SELECT count(*) FROM leases WHERE namespace = ?1 AND deadline < ?2", ns.Id, ns.Now().Milliseconds - LongOver);
        if (over > 0) findings.Add(new StoreFinding(StoreProblem.LeaseLongOver, unit, [], IsRepaired: false, $"{over} leases"));

        long scheduled = Number(file, "SELECT count(*) FROM scheduled WHERE namespace = ?", ns.Id);
        long inFlight = Number(file, "SELECT count(*) FROM leases WHERE namespace = ?", ns.Id);
        long dead = Number(file, "SELECT count(*) FROM dead WHERE namespace = ?", ns.Id);
        long completed = Number(file, "SELECT count(*) FROM completed WHERE namespace = ?", ns.Id);
        if ((scheduled, inFlight, dead, completed) != (ns.Scheduled, ns.InFlight, ns.DeadLetters, ns.Completed))
        {
            string detail = $"recorded {ns.Scheduled} scheduled, {ns.InFlight} in flight, {ns.DeadLetters} dead, {ns.Completed} completed; there are {scheduled}, {inFlight}, {dead}, {completed}";
            if (fix) ns.Count((int)(scheduled - ns.Scheduled), (int)(inFlight - ns.InFlight), (int)(dead - ns.DeadLetters), completed: (int)(completed - ns.Completed));
            findings.Add(new StoreFinding(StoreProblem.WrongCount, unit, [], fix, detail));
        }

        return (findings, ns.Seal is null && !ns.Import.IsUnderWay());
    }

    /// <summary>Schedules of a page whose running or last occurrences cannot be read.</summary>
    /// <returns>They, and the last of the page; null at the end.</returns>
    private static (List<string> Damaged, string? Last) DamagedOccurrences(WriteScope scope, string name, string after, bool fix)
    {
        long ns = scope.Namespace(new TimerPartition(name, 0)).Id;
        (List<string> damaged, string? last, int count) = ([], null, 0);
        using (Statement rows = scope.File["SELECT id, running, history FROM schedules WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?"].Set(ns).Set(after).Set(PageSize))
        {
            for (; rows.Step(); count++)
            {
                last = rows.Text(0);
                if (!ScheduleCodec.IsReadable(rows.BytesOrNull(1), rows.BytesOrNull(2))) damaged.Add(last);
            }
        }

        if (fix) foreach (string id in damaged) scope.File["UPDATE schedules SET running = NULL, history = NULL WHERE namespace = ? AND id = ?"].Set(ns).Set(id).Run();
        return (damaged, count == PageSize ? last : null);
    }

    private static long Number(SqliteFile file, string query, long ns, long? second = null)
    {
        Statement statement = file[query].Set(ns);
        using Statement row = second is { } value ? statement.Set(value) : statement;
        return row.Step() ? row.Long(0) : 0;
    }

    private enum Part
    {
        Scheduled,
        Leases,
        DeadLetters,
        Events,
    }

    /// <summary>Where a page ended: the key; of scheduled rows namespace, due time and id.</summary>
    private sealed record Position(long First, long Due, string Id);

    private sealed record Suspect(long Key, long Namespace, string Id, long Due);
}
