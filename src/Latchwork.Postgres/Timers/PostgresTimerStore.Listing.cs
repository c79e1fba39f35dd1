using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <content>Looking without changing, and what is done with dead letters.</content>
internal sealed partial class PostgresTimerStore
{
    /// <summary>The columns of a snapshot.</summary>
    internal const string SnapshotColumns =
        "e.id, e.due, e.retries, e.max_retries, e.headers, e.payload, e.failures, e.state, e.until, e.token, e.node, e.reason, e.interruptions, " +
        "e.claimed, e.state = 1 AND @schema@.timer_not_begun(e.partition_id, e.id), e.raw_due";

    /// <summary>How long after its poll slot a node counts as silent, in ms: as in <c>timer_retire</c>.</summary>
    internal const long SilentAfter = 3_000;

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        LookAsync(
            "look at an event",
            partition,
            null,
            (session, number, now) => session.Read(
                new SqlStatement($"SELECT {SnapshotColumns} FROM @schema@.timer_events e WHERE e.partition_id = $1 AND e.id = $2").With(number).With(Utf8.Bytes(id)),
                rows => rows.Read() ? ReadSnapshot(rows, now) : null) ?? CompletedRows.Find(session, number, Utf8.Bytes(id))?.ToSnapshot(),
            cancellationToken);

    public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        LookAsync(
            "list of completed events",
            partition,
            new TimerPage([], null),
            (session, number, _) => CompletedRows.Page(session, number, cursor, limit).ToSnapshots(),
            cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        LookAsync(
            "list of what is upcoming",
            partition,
            new TimerPage([], null),
            (session, number, now) => Page(
                session,
                $"""
                SELECT {SnapshotColumns} FROM @schema@.timer_events e
                WHERE e.partition_id = $1 AND e.state = 0 AND (e.due, e.id) > ($2, $3) AND e.due < $4 ORDER BY e.due, e.id LIMIT $5
                """,
                number,
                cursor is not null ? PageCursor.Parse(cursor) : PageCursor.Window(now, offset, duration),
                limit,
                now,
                static rows => rows.GetInt64(1)),
            cancellationToken);

    public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        LookAsync(
            "list of what is in flight",
            partition,
            new TimerPage([], null),
            (session, number, now) =>
            {
                InFlightCursor from = InFlightCursor.Parse(cursor, now);
                TimerPage page = Page(
                    session,
                    $"""
                    SELECT {SnapshotColumns} FROM @schema@.timer_events e
                    WHERE e.partition_id = $1 AND e.state = 1 AND (e.until, e.id) > ($2, $3) AND e.until < $4 ORDER BY e.until, e.id LIMIT $5
                    """,
                    number,
                    new PageCursor(from.After, long.MaxValue),
                    limit,
                    now,
                    static rows => rows.GetInt64(8));
                return from.Cut(page.Items, page.Cursor is null ? null : PageCursor.Parse(page.Cursor).After, now);
            },
            cancellationToken);

    public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        LookAsync(
            "list of dead letters",
            partition,
            new TimerPage([], null),
            (session, number, now) => Page(
                session,
                $"""
                SELECT {SnapshotColumns} FROM @schema@.timer_events e
                WHERE e.partition_id = $1 AND e.state = 2 AND (e.until, e.id) > ($2, $3) AND e.until < $4 ORDER BY e.until, e.id LIMIT $5
                """,
                number,
                cursor is not null ? PageCursor.Parse(cursor) : PageCursor.Everything,
                limit,
                now,
                static rows => rows.GetInt64(8)),
            cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        ChangeDeadLettersAsync("requeueing", partition, keys, TimerCodec.Encode(due), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        ChangeDeadLettersAsync("purge", partition, keys, null, cancellationToken);

    public Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        LookAsync<IReadOnlyList<TimerNode>>(
            "list of nodes",
            partition,
            [],
            static (session, number, now) => session.Read(
                new SqlStatement("SELECT node, last_seen, held, is_full, poll_slot FROM @schema@.timer_nodes WHERE partition_id = $1 AND last_seen >= $2 ORDER BY node")
                    .With(number).With(now.Ticks / TimeSpan.TicksPerMicrosecond - 3_600_000_000),
                rows =>
                {
                    var nodes = new List<TimerNode>();
                    while (rows.Read())
                    {
                        TimerNodeState state = rows.GetInt64(4) < now.Milliseconds - SilentAfter ? TimerNodeState.Silent
                            : rows.GetBoolean(3) ? TimerNodeState.Full : TimerNodeState.Listening;
                        nodes.Add(new TimerNode(Utf8.Text(rows.GetFieldValue<byte[]>(0)), state, rows.GetInt32(2), new TimeSpan(now.Ticks - rows.GetInt64(1) * TimeSpan.TicksPerMicrosecond)));
                    }

                    return nodes;
                }),
            cancellationToken);

    public Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        LookAsync(
            "count of events",
            partition,
            new TimerStats(0, 0, 0, 0, null),
            static (session, number, now) => session.Read(
                new SqlStatement(
                    $"""
                    SELECT p.scheduled + coalesce(c.scheduled, 0), p.in_flight + coalesce(c.in_flight, 0), p.dead + coalesce(c.dead, 0), p.evicted + coalesce(c.evicted, 0),
                        (SELECT min(f.due) FILTER (WHERE f.due <= $2) FROM (
                            SELECT @schema@.timer_due_now(e.due, e.raw_due, $3) AS due FROM @schema@.timer_events e
                            WHERE e.partition_id = p.id AND e.state = 0 AND e.due >= least(p.due_from, c.earliest) AND e.due <= $2 ORDER BY e.due, e.id LIMIT CASE WHEN $3 > 0 THEN 200 ELSE 1 END) f), p.pause, {CounterRows.Columns}
                    FROM @schema@.timer_partitions p CROSS JOIN (
                        SELECT sum(scheduled) AS scheduled, sum(in_flight) AS in_flight, sum(dead) AS dead, sum(evicted) AS evicted, min(earliest) AS earliest
                        FROM @schema@.timer_counts WHERE partition_id = $1) c {CounterRows.Source}
                    WHERE p.id = $1
                    """).With(number).With(now.Milliseconds).With(now.Offset / TimeSpan.TicksPerMicrosecond),
                rows =>
                {
                    rows.Read();
                    TimeSpan? overdue = rows.IsDBNull(4) ? null : now.Since(rows.GetInt64(4));
                    return new TimerStats(rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetInt64(3), overdue)
                    {
                        Pause = ReadPause(rows, 5),
                        Counters = CounterRows.Read(rows, 6, now),
                    };
                }),
            cancellationToken);

    public Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "pause",
            session => session.Read(
                Call("SELECT in_force FROM @schema@.timer_pause($1, $2, $3, $4, $5)", session, partition)
                    .With(request.Since?.ToUnixTimeMilliseconds()).With(Utf8.Bytes(PauseText.WriteRest(request.By, request.Reason))),
                static rows => rows.Read() && ReadPause(rows, 0) is { } pause ? pause : throw new InvalidOperationException("timer_pause gave no row.")),
            cancellationToken);

    public Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "end of a pause",
            session => session.Read(
                Call("SELECT ended FROM @schema@.timer_resume($1, $2, $3)", session, partition),
                static rows => rows.Read() ? ReadPause(rows, 0) : throw new InvalidOperationException("timer_resume gave no row.")),
            cancellationToken);

    internal static TimerPause? ReadPause(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : PauseText.Parse(Utf8.Text(row.GetFieldValue<byte[]>(column)));

    /// <summary>Reads what <see cref="SnapshotColumns"/> selects.</summary>
    internal static TimerSnapshot ReadSnapshot(NpgsqlDataReader row, StoreTime now)
    {
        long? raw = row.IsDBNull(15) ? null : row.GetInt64(15);
        long due = now.DueOf(new DueTime(row.GetInt64(1), raw));
        var state = (TimerState)row.GetInt16(7);
        long until = row.IsDBNull(8) ? 0 : row.GetInt64(8);
        bool isDead = state == TimerState.DeadLettered;
        return new TimerSnapshot
        {
            Id = Utf8.Text(row.GetFieldValue<byte[]>(0)),
            State = state,
            Due = now.Show(due),
            IsAbsolute = raw is not null,
            TimeLeft = state == TimerState.Scheduled ? now.WholeUntil(due) : TimeSpan.Zero,
            LeaseLeft = state == TimerState.InFlight ? now.WholeUntil(until) : null,
            Token = row.IsDBNull(9) ? null : Utf8.Text(row.GetFieldValue<byte[]>(9)),
            NodeId = row.IsDBNull(10) ? null : Utf8.Text(row.GetFieldValue<byte[]>(10)),
            ClaimedAt = state == TimerState.InFlight && !row.IsDBNull(13) ? now.Show(row.GetInt64(13)) : null,
            HasBegun = state == TimerState.InFlight ? !row.GetBoolean(14) : null,
            Retries = row.GetInt32(2),
            MaxRetries = row.GetInt32(3),
            Payload = row.GetFieldValue<byte[]>(5),
            Headers = EventCodec.DecodeHeaders(row.IsDBNull(4) ? null : row.GetFieldValue<byte[]>(4)),
            DeadLetterReason = isDead ? (DeadLetterReason)row.GetInt16(11) : null,
            DeadLetteredAt = isDead ? now.Show(until) : null,
            DeadLetterStamp = isDead ? until : null,
            DeadLetteredFor = isDead ? now.Since(until) : null,
            Interruptions = row.GetInt32(12),
            Failures = TimerCodec.DecodeFailures(row.IsDBNull(6) ? null : row.GetFieldValue<byte[][]>(6)).ShownBy(now),
        };
    }

    /// <summary>The next events of a list. A place is never given twice, whatever comes and goes between the pages.</summary>
    private static TimerPage Page(SqlSession session, string query, int partition, PageCursor from, int limit, StoreTime now, Func<NpgsqlDataReader, long> placeOf) =>
        session.Read(
            new SqlStatement(query).With(partition).With(from.After.At).With(Utf8.Bytes(from.After.Id)).With(from.End).With(limit + 1),
            rows =>
            {
                var items = new List<TimerSnapshot>();
                long bytes = 0;
                TimedId last = from.After;
                while (rows.Read())
                {
                    TimerSnapshot snapshot = ReadSnapshot(rows, now);
                    bytes += snapshot.Payload.Length;
                    bool full = items.Count == limit || (items.Count > 0 && bytes > Limits.MaxBatchBytes);
                    if (full) return new TimerPage(items, new PageCursor(last, from.End).ToString());
                    items.Add(snapshot);
                    last = new TimedId(placeOf(rows), snapshot.Id);
                }

                return new TimerPage(items, null);
            });

    private Task<IReadOnlyList<TimerOutcome>> ChangeDeadLettersAsync(
        string name, TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, long? due, CancellationToken cancellationToken) =>
        keys.Count == 0
            ? Task.FromResult<IReadOnlyList<TimerOutcome>>([])
            : ChangeAsync(
                name,
                partition,
                session => Call("SELECT outcomes, earliest FROM @schema@.timer_dead($1, $2, $3, $4, $5, $6, $7)", session, partition)
                    .With(Ids(keys, static key => key.Id)).With([.. keys.Select(static key => key.DeadLetteredAt?.ToUnixTimeMilliseconds())])
                    .With([.. keys.Select(static key => key.Stamp)]).With(due),
                OutcomesAndEarliest,
                cancellationToken);

    /// <summary>Looks at a namespace.</summary>
    internal Task<T> LookAsync<T>(string name, TimerPartition partition, T nothing, Func<SqlSession, int, StoreTime, T> look, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            name,
            session => FindPartition(session, partition) is { } number ? look(session, number, Enter(session, number)) : nothing,
            cancellationToken);
}
