using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <summary>The history of a partition as it is stored. Confirmations write it, in the function of the schema.</summary>
internal static class CompletedRows
{
    private const string Columns = "c.id, c.due, c.claimed, c.completed, c.node, c.retries, c.max_retries, c.outcome";

    public static CompletedEvent? Find(SqlSession session, int partition, byte[] id) => session.Read(
        new SqlStatement($"SELECT {Columns} FROM @schema@.timer_completed c WHERE c.partition_id = $1 AND c.id = $2").With(partition).With(id),
        static rows => rows.Read() ? Read(rows) : null);

    /// <summary>A page of lines, the last first.</summary>
    public static CompletedPage Page(SqlSession session, int partition, string? cursor, int limit)
    {
        TimedId before = CompletedRules.Before(cursor);
        return session.Read(
            new SqlStatement(
                $"""
                SELECT {Columns} FROM @schema@.timer_completed c
                WHERE c.partition_id = $1 AND (c.completed, c.id) < ($2, $3) ORDER BY c.completed DESC, c.id DESC LIMIT $4
                """).With(partition).With(before.At).With(Utf8.Bytes(before.Id)).With(limit + 1),
            rows =>
            {
                var lines = new List<CompletedEvent>();
                while (rows.Read()) lines.Add(Read(rows));
                return CompletedRules.Page(lines, limit);
            });
    }

    /// <summary>Takes in lines that come with a move: of an id that has one the later completion stands. The partition's row is locked.</summary>
    public static void Import(SqlSession session, int partition, IReadOnlyList<CompletedEvent> lines)
    {
        int added = 0;
        foreach (CompletedEvent line in lines.OrderBy(static line => line.Id, Utf8Order.Instance))
        {
            added += session.Read(
                new SqlStatement(
                    """
                    INSERT INTO @schema@.timer_completed AS c VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                    ON CONFLICT (partition_id, id) DO UPDATE SET
                        outcome = excluded.outcome, retries = excluded.retries, max_retries = excluded.max_retries, due = excluded.due, claimed = excluded.claimed,
                        completed = excluded.completed, node = excluded.node
                    WHERE c.completed < excluded.completed RETURNING c.xmax = 0
                    """)
                    .With(partition).With((int)line.Outcome).With(line.Retries).With(line.MaxRetries).With(line.Due.ToUnixTimeMilliseconds())
                    .With(line.ClaimedAt.ToUnixTimeMilliseconds()).With(line.CompletedAt.ToUnixTimeMilliseconds()).With(Utf8.Bytes(line.Id)).With(Utf8.Bytes(line.NodeId)),
                static rows => rows.Read() && rows.GetBoolean(0) ? 1 : 0);
        }

        session.Run(new SqlStatement(
            """
            UPDATE @schema@.timer_partitions p SET completed_from = 0, completed = p.completed + $2 - @schema@.timer_trim_completed(
                $1, 0, p.completed + $2 + coalesce((SELECT sum(c.completed) FROM @schema@.timer_counts c WHERE c.partition_id = $1 AND c.completed IS NOT NULL), 0), 0, $3, 9223372036854775807)
            WHERE p.id = $1
            """).With(partition).With(added).With((long)Limits.MaxCompleted));
    }

    /// <summary>Deletes all of it: it has been moved away. The partition's row is locked.</summary>
    public static void Clear(SqlSession session, int partition)
    {
        session.Run(new SqlStatement("DELETE FROM @schema@.timer_completed WHERE partition_id = $1").With(partition));
        session.Run(new SqlStatement("UPDATE @schema@.timer_counts SET completed = NULL WHERE partition_id = $1 AND completed IS NOT NULL").With(partition));
        session.Run(new SqlStatement("UPDATE @schema@.timer_partitions SET completed = 0 WHERE id = $1").With(partition));
    }

    private static CompletedEvent Read(NpgsqlDataReader row) => new(
        Utf8.Text(row.GetFieldValue<byte[]>(0)),
        Time(row.GetInt64(1)),
        Time(row.GetInt64(2)),
        Time(row.GetInt64(3)),
        Utf8.Text(row.GetFieldValue<byte[]>(4)),
        row.GetInt32(5),
        row.GetInt32(6),
        (CompletedOutcome)row.GetInt16(7));

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
