using Latchwork.Postgres.Connections;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <summary>The counters of a partition as they are stored: in its row, in rows that were appended and not added up yet, and in those of minutes and hours that are over.</summary>
internal static class CounterRows
{
    /// <summary>Selects the counters of the partition <c>p</c> beside its own columns, in one row for each of the three kinds.</summary>
    public const string Columns = "p.count_minute, p.minute_counts, p.hour_counts, p.before_counts, s.is_hour, s.number, s.counts";

    /// <summary>What <see cref="Columns"/> selects from, behind the partition <c>p</c>.</summary>
    public const string Source =
        """
        LEFT JOIN LATERAL (
            SELECT b.is_hour, b.number, b.counts FROM @schema@.timer_buckets b WHERE b.partition_id = p.id
            UNION ALL
            SELECT NULL, c.minute, ARRAY[coalesce(sum(c.posted), 0), coalesce(sum(c.replaced), 0), coalesce(sum(c.cancelled), 0), 0, coalesce(sum(c.confirmed), 0), coalesce(sum(c.failed), 0), coalesce(sum(c.handed_back), 0), 0, coalesce(sum(c.dead_exhausted), 0), coalesce(sum(c.dead_expired), 0), coalesce(sum(c.dead_rejected), 0), coalesce(sum(c.dead_unreadable), 0), coalesce(sum(c.dead_damaged), 0)]
            FROM @schema@.timer_counts c WHERE c.partition_id = p.id AND c.minute IS NOT NULL GROUP BY c.minute
        ) s ON true
        """;

    /// <summary>Reads the counters.</summary>
    /// <param name="rows">The rows, of which the first was read already.</param>
    /// <param name="first">The first of <see cref="Columns"/>.</param>
    /// <param name="now">Now.</param>
    public static TimerCounters Read(NpgsqlDataReader rows, int first, StoreTime now)
    {
        CounterRing ring = ReadRing(rows, first);
        var slots = new List<CounterSlot>();
        var appended = new SortedDictionary<long, long[]>();
        do
        {
            if (rows.IsDBNull(first + 5)) continue;
            long[] counts = rows.GetFieldValue<long[]>(first + 6);
            if (rows.IsDBNull(first + 4)) appended[rows.GetInt64(first + 5)] = counts;
            else slots.Add(new CounterSlot(rows.GetBoolean(first + 4), rows.GetInt64(first + 5), counts));
        }
        while (rows.Read());

        // Slots that are kept now come behind those of the same place that were read: the later one counts.
        foreach ((long minute, long[] counts) in appended) ring.Count(counts, new StoreTime(minute * TimeSpan.TicksPerMinute), slots.Add);
        return ring.Read(now, slots);
    }

    /// <summary>Reads the counters of a partition.</summary>
    public static TimerCounters Read(SqlSession session, int partition, StoreTime now) => session.Read(
        new SqlStatement($"SELECT {Columns} FROM @schema@.timer_partitions p {Source} WHERE p.id = $1").With(partition),
        rows => rows.Read() ? Read(rows, 0, now) : TimerCounters.Zero);

    /// <summary>Adds counters that came with a move. The partition's row is locked.</summary>
    public static void Add(SqlSession session, int partition, TimerCounters counters, StoreTime now)
    {
        CounterRing ring = session.Read(
            new SqlStatement("SELECT p.count_minute, p.minute_counts, p.hour_counts, p.before_counts FROM @schema@.timer_partitions p WHERE p.id = $1").With(partition),
            static rows => rows.Read() ? ReadRing(rows, 0) : new CounterRing());
        ring.Add(
            counters,
            now,
            (isHour, number) => session.Read(
                new SqlStatement("SELECT counts FROM @schema@.timer_buckets WHERE partition_id = $1 AND is_hour = $2 AND number = $3").With(partition).With(isHour).With(number),
                static rows => rows.Read() ? rows.GetFieldValue<long[]>(0) : null),
            slot => session.Run(new SqlStatement("SELECT @schema@.timer_keep($1, $2, $3, $4)").With(partition).With(slot.IsHour).With(slot.Number).With(slot.Counts)));
        Write(session, partition, ring);
    }

    /// <summary>Counts anew. The partition's row is locked.</summary>
    public static void Clear(SqlSession session, int partition)
    {
        Write(session, partition, new CounterRing());
        session.Run(new SqlStatement("DELETE FROM @schema@.timer_buckets WHERE partition_id = $1").With(partition));
        session.Run(new SqlStatement("UPDATE @schema@.timer_counts SET minute = NULL WHERE partition_id = $1 AND minute IS NOT NULL").With(partition));
    }

    private static CounterRing ReadRing(NpgsqlDataReader row, int first) =>
        CounterRing.Of(row.GetInt64(first), row.GetFieldValue<long[]>(first + 1), row.GetFieldValue<long[]>(first + 2), row.GetFieldValue<long[]>(first + 3));

    private static void Write(SqlSession session, int partition, CounterRing ring)
    {
        (long minute, long[] minuteCounts, long[] hourCounts, long[] before) = ring.Parts;
        session.Run(new SqlStatement("UPDATE @schema@.timer_partitions SET count_minute = $2, minute_counts = $3, hour_counts = $4, before_counts = $5 WHERE id = $1")
            .With(partition).With(minute).With(minuteCounts).With(hourCounts).With(before));
    }
}
