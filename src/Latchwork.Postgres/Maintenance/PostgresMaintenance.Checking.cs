using System.Runtime.CompilerServices;
using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Postgres.Maintenance;

/// <content>
/// Examining a schema. An event is one row, in one state, and PostgreSQL keeps its own promises; so what can be found are marks and journals of moves,
/// leases that nobody ends, and counts that another hand has made wrong.
/// </content>
internal sealed partial class PostgresMaintenance
{
    /// <summary>How long a lease has been over that is reported, in ms.</summary>
    private const long LongOver = 600_000;

    /// <summary>The most records of schedules that one step reads.</summary>
    private const int PageSize = 1_000;

    public async IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<(int Id, string Namespace)> partitions = await executor.Work.RunAsync("list of namespaces", static session => List(session, "timer_partitions", "namespace"), cancellationToken).ConfigureAwait(false);
        foreach ((int id, string name) in partitions.Where(one => ns is null || one.Namespace == ns))
        {
            (List<StoreFinding> findings, bool isOpen) = await executor.Work.RunAsync("check of a namespace", session => Examine(session, id, name, fix), cancellationToken).ConfigureAwait(false);
            foreach (StoreFinding finding in findings) yield return finding;
            if (!isOpen) continue;
            var unit = new NamespaceRef(TransferKind.Timers, name);
            for (byte[]? after = []; after is not null;)
            {
                byte[] last = after;
                (List<string> damaged, after) = await executor.Work.RunAsync("check of schedules", session => DamagedOccurrences(session, id, last, fix), cancellationToken).ConfigureAwait(false);
                if (damaged.Count > 0) yield return new StoreFinding(StoreProblem.DamagedOccurrences, unit, damaged, fix);
            }

            await foreach (StoreFinding finding in ScheduleExaminer.ExamineAsync(timers, unit, new TimerPartition(name, 0), fix, cancellationToken).ConfigureAwait(false)) yield return finding;
        }

        List<(int Id, string Namespace)> spaces = await executor.Work.RunAsync("list of namespaces", static session => List(session, "lock_namespaces", "name"), cancellationToken).ConfigureAwait(false);
        foreach ((int id, string name) in spaces.Where(one => ns is null || one.Namespace == ns))
        {
            (TransferMark? seal, TransferMark? import) = await executor.Work.RunAsync("check of a namespace", session => Marks(session, "lock_namespaces", id), cancellationToken).ConfigureAwait(false);
            foreach (StoreFinding finding in MaintenanceRules.UnfinishedMoves(new NamespaceRef(TransferKind.Locks, name), seal, import)) yield return finding;
        }
    }

    private static List<(int Id, string Namespace)> List(SqlSession session, string table, string column) => session.Read(
        new SqlStatement($"SELECT id, {column} FROM @schema@.{table} ORDER BY {column}"),
        static rows =>
        {
            var all = new List<(int, string)>();
            while (rows.Read()) all.Add((rows.GetInt32(0), Utf8.Text(rows.GetFieldValue<byte[]>(1))));
            return all;
        });

    private static (TransferMark? Seal, TransferMark? Import) Marks(SqlSession session, string table, int id) => session.Read(
        new SqlStatement($"SELECT seal, import FROM @schema@.{table} WHERE id = $1").With(id),
        static rows => rows.Read()
            ? (TransferMark.Parse(rows.IsDBNull(0) ? null : rows.GetString(0)), TransferMark.Parse(rows.IsDBNull(1) ? null : rows.GetString(1)))
            : (null, null));

    /// <returns>What was found, and whether the namespace is not being moved, and was not moved away.</returns>
    private (List<StoreFinding> Findings, bool IsOpen) Examine(SqlSession session, int id, string name, bool fix)
    {
        var unit = new NamespaceRef(TransferKind.Timers, name);
        (TransferMark? seal, TransferMark? import) = Marks(session, "timer_partitions", id);
        List<StoreFinding> findings = [.. MaintenanceRules.UnfinishedMoves(unit, seal, import)];
        if (!import.IsUnderWay() && MaintainedNamespace.Number(session, "SELECT count(*) FROM (SELECT 1 FROM @schema@.timer_imported WHERE partition_id = $1 LIMIT 1) one", id) > 0)
        {
            if (fix)
            {
                session.Run(new SqlStatement(
                    """
                    DELETE FROM @schema@.timer_imported i WHERE i.partition_id = $1 AND EXISTS (
                        SELECT 1 FROM @schema@.timer_partitions p WHERE p.id = $1 AND (p.import IS NULL OR p.import LIKE 'done %'))
                    """).With(id));
            }

            findings.Add(new StoreFinding(StoreProblem.LeftoverJournal, unit, [], fix));
        }

        long over = session.Read(
            new SqlStatement(
                """
                SELECT count(*) FROM @schema@.timer_events e, @schema@.timer_partitions p
                WHERE p.id = $1 AND e.partition_id = $1 AND e.state = 1 AND e.until < greatest(@schema@.clock($2) + p.clock_offset, p.clock_last) / 1000 - $3
                """).With(id).With(executor.Settings.Clock).With(LongOver),
            static rows => rows.Read() ? rows.GetInt64(0) : 0);
        if (over > 0) findings.Add(new StoreFinding(StoreProblem.LeaseLongOver, unit, [], IsRepaired: false, $"{over} leases"));
        if (Counts(session, unit, id, fix && seal is null) is { } wrong) findings.Add(wrong);
        return (findings, seal is null && !import.IsUnderWay());
    }

    /// <summary>Schedules of a page whose running or last occurrences cannot be read.</summary>
    /// <returns>They, and the last of the page; null at the end.</returns>
    private static (List<string> Damaged, byte[]? Last) DamagedOccurrences(SqlSession session, int partition, byte[] after, bool fix)
    {
        (List<(byte[] Id, byte[]? Running, byte[]? History)> damaged, byte[]? last, int count) = session.Read(
            new SqlStatement("SELECT s.id, s.running, s.history FROM @schema@.timer_schedules s WHERE s.partition_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3").With(partition).With(after).With(PageSize),
            static rows =>
            {
                (List<(byte[], byte[]?, byte[]?)> found, byte[]? id, int looked) = ([], null, 0);
                for (; rows.Read(); looked++)
                {
                    id = rows.GetFieldValue<byte[]>(0);
                    byte[]? running = rows.IsDBNull(1) ? null : rows.GetFieldValue<byte[]>(1), history = rows.IsDBNull(2) ? null : rows.GetFieldValue<byte[]>(2);
                    if (!ScheduleCodec.IsReadable(running, history)) found.Add((id, running, history));
                }

                return (found, id, looked);
            });
        byte[]? next = count == PageSize ? last : null;
        if (!fix || damaged.Count == 0) return (damaged.ConvertAll(static one => Utf8.Text(one.Id)), next);

        // Only what is still as it was read: whoever has begun or ended an occurrence since has written both anew.
        List<string> repaired = session.Read(
            new SqlStatement(
                """
                UPDATE @schema@.timer_schedules s SET running = NULL, history = NULL FROM unnest($2, $3, $4) AS read (id, running, history)
                WHERE s.partition_id = $1 AND s.id = read.id AND s.running IS NOT DISTINCT FROM read.running AND s.history IS NOT DISTINCT FROM read.history RETURNING s.id
                """)
                .With(partition).With([.. damaged.Select(static one => one.Id)]).With([.. damaged.Select(static one => one.Running)]).With([.. damaged.Select(static one => one.History)]),
            static rows =>
            {
                var ids = new List<string>();
                while (rows.Read()) ids.Add(Utf8.Text(rows.GetFieldValue<byte[]>(0)));
                return ids;
            });
        return (repaired, next);
    }

    /// <summary>
    /// Compares the counts with the events, in one snapshot, so that what is on its way is in both or in neither. The repair appends the difference, as
    /// every operation does: it is right whatever others do meanwhile.
    /// </summary>
    private static StoreFinding? Counts(SqlSession session, NamespaceRef unit, int id, bool fix)
    {
        long[] counts = session.Read(
            new SqlStatement(
                """
                SELECT p.scheduled + coalesce(c.scheduled, 0), p.in_flight + coalesce(c.in_flight, 0), p.dead + coalesce(c.dead, 0), p.completed + coalesce(c.completed, 0),
                    coalesce(e.scheduled, 0), coalesce(e.in_flight, 0), coalesce(e.dead, 0), (SELECT count(*) FROM @schema@.timer_completed WHERE partition_id = $1)
                FROM @schema@.timer_partitions p,
                    (SELECT sum(scheduled) AS scheduled, sum(in_flight) AS in_flight, sum(dead) AS dead, sum(completed) AS completed
                     FROM @schema@.timer_counts WHERE partition_id = $1) c,
                    (SELECT count(*) FILTER (WHERE state = 0) AS scheduled, count(*) FILTER (WHERE state = 1) AS in_flight, count(*) FILTER (WHERE state = 2) AS dead
                     FROM @schema@.timer_events WHERE partition_id = $1) e
                WHERE p.id = $1
                """).With(id),
            static rows => rows.Read() ? [.. Enumerable.Range(0, 8).Select(rows.GetInt64)] : new long[8]);
        if (counts.AsSpan(0, 4).SequenceEqual(counts.AsSpan(4))) return null;
        if (fix)
        {
            session.Run(new SqlStatement("SELECT @schema@.timer_count($1, $2, $3, $4, 0, p_completed => $5, p_earliest => 0)") // whoever has changed rows by hand may have made some that are due before claims search
                .With(id).With((int)(counts[4] - counts[0])).With((int)(counts[5] - counts[1])).With((int)(counts[6] - counts[2])).With((int)(counts[7] - counts[3])));
        }

        string detail = $"recorded {counts[0]} scheduled, {counts[1]} in flight, {counts[2]} dead, {counts[3]} completed; there are {counts[4]}, {counts[5]}, {counts[6]}, {counts[7]}";
        return new StoreFinding(StoreProblem.WrongCount, unit, [], fix, detail);
    }
}
