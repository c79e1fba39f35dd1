using System.Collections.Concurrent;
using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <summary>
/// Timers on PostgreSQL. Every operation is one call of a function of the schema, which is one transaction; a namespace has one partition. What
/// schedules something is followed by a second call, which wakes listeners: it comes after the commit, so that whoever is woken sees the event.
/// </summary>
internal sealed partial class PostgresTimerStore : ITimerStore
{
    /// <summary>The format of the tables' contents that this program works with.</summary>
    public const int Format = 1;

    private readonly SqlExecutor _executor;
    private readonly NotificationExchange _notifications;
    private readonly ConcurrentDictionary<TimerPartition, int> _partitions;
    private readonly PostgresSettings _settings;
    private readonly PostgresScheduleStore _schedules;

    public PostgresTimerStore(SqlExecutor executor, NotificationExchange notifications)
    {
        (_executor, _notifications, _partitions, _settings) = (executor, notifications, executor.Partitions, executor.Settings);
        _schedules = new PostgresScheduleStore(executor, this);
    }

    public IScheduleStore Schedules => _schedules;

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "opening of a namespace",
            session =>
            {
                Enter(session, Partition(session, new TimerPartition(ns, 0)));
                return 1;
            },
            cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        _executor.Work.RunAsync<IReadOnlyList<string>>(
            "list of namespaces",
            static session => session.Read(
                new SqlStatement("SELECT DISTINCT namespace FROM @schema@.timer_partitions"),
                static rows =>
                {
                    var names = new List<string>();
                    while (rows.Read()) names.Add(Utf8.Text(rows.GetFieldValue<byte[]>(0)));
                    names.Sort(StringComparer.Ordinal);
                    return names;
                }),
            cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        _notifications.SubscribeAsync(ns, nodeId, notify, cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        _executor.Claims.RunAsync(
            "leave",
            session => session.Run(Call("SELECT @schema@.timer_leave($1, $2, $3, $4)", session, partition).With(Utf8.Bytes(nodeId))),
            cancellationToken);

    /// <summary>The number of a partition; it is made if there is none.</summary>
    internal int Partition(SqlSession session, TimerPartition partition)
    {
        if (_partitions.TryGetValue(partition, out int known)) return known;
        (int id, int format, int partitions) = session.Read(
            new SqlStatement("SELECT id, format, partitions FROM @schema@.timer_open($1, $2, $3)").With(Utf8.Bytes(partition.Namespace)).With(partition.Index).With(Format),
            static rows => rows.Read() ? (rows.GetInt32(0), rows.GetInt32(1), rows.GetInt32(2)) : throw new InvalidOperationException("timer_open gave no row."));
        if (format != Format || partitions != 1)
        {
            throw PostgresFailures.Refuse(
                $"The timer namespace '{partition.Namespace}' has format {format} and {partitions} partitions; this program works with format {Format} and 1 partition on PostgreSQL. Update this program.");
        }

        return _partitions[partition] = id;
    }

    /// <summary>The number of a partition, if it has been used here.</summary>
    internal int? Known(TimerPartition partition) => _partitions.TryGetValue(partition, out int known) ? known : null;

    /// <summary>Whether there is a partition, whatever was known of it.</summary>
    internal bool Exists(SqlSession session, TimerPartition partition)
    {
        _partitions.TryRemove(partition, out _);
        return FindPartition(session, partition) is not null;
    }

    /// <summary>The number of a partition; null if it was never used.</summary>
    private int? FindPartition(SqlSession session, TimerPartition partition)
    {
        if (_partitions.TryGetValue(partition, out int known)) return known;
        return session.Read(
            new SqlStatement("SELECT id FROM @schema@.timer_partitions WHERE namespace = $1 AND number = $2").With(Utf8.Bytes(partition.Namespace)).With(partition.Index),
            static rows => rows.Read() ? rows.GetInt32(0) : (int?)null);
    }

    /// <summary>A call of a function whose first parameters are partition, clock and lock timeout.</summary>
    internal SqlStatement Call(string sql, SqlSession session, TimerPartition partition, int? wait = null) =>
        new SqlStatement(sql, isFrequent: true).With(Partition(session, partition)).With(_settings.Clock).With((int?)(wait ?? _settings.LockWait));

    /// <summary>The time of a partition. Refuses a namespace that is being moved.</summary>
    internal StoreTime Enter(SqlSession session, int partition) => session.Read(
        new SqlStatement("SELECT clock_last, clock_offset FROM @schema@.timer_enter($1, $2, NULL, false)").With(partition).With(_settings.Clock),
        static rows => rows.Read() ? Time(rows.GetInt64(0), rows.GetInt64(1)) : throw new InvalidOperationException("timer_enter gave no row."));

    private static StoreTime Time(long microseconds, long offset) => new(microseconds * TimeSpan.TicksPerMicrosecond, offset * TimeSpan.TicksPerMicrosecond);

    /// <summary>Does something that may schedule an event, then wakes listeners for it.</summary>
    private Task<T> ChangeAsync<T>(
        string name, TimerPartition partition, Func<SqlSession, SqlStatement> statement, Func<NpgsqlDataReader, (T Answer, long? Earliest)> read, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            name,
            session =>
            {
                (T answer, long? earliest) = session.Read(statement(session), rows => rows.Read() ? read(rows) : throw new InvalidOperationException("The function gave no row."));
                if (earliest is { } due) Wake(session, partition, due);
                return answer;
            },
            cancellationToken);

    /// <summary>Wakes listeners for something that is committed.</summary>
    internal Task WakeAsync(TimerPartition partition, long earliest) => _executor.Work.RunAsync(
        "notification",
        session =>
        {
            Wake(session, partition, earliest);
            return true;
        },
        CancellationToken.None);

    /// <summary>Wakes listeners for something that is committed. If that fails they find it when they poll, within a second.</summary>
    internal void Wake(SqlSession session, TimerPartition partition, long earliest)
    {
        try
        {
            session.Run(Call("SELECT @schema@.timer_wake($1, $2, $3, $4)", session, partition).With(earliest));
        }
        catch (NpgsqlException e)
        {
            session.Drop();
            _executor.Log.WakeFailed(e.Message);
        }
    }

    private static TimerOutcome[] Outcomes(NpgsqlDataReader rows) =>
        Array.ConvertAll(Numbers(rows), static outcome => (TimerOutcome)outcome);

    // An array that once had nulls says that it may have some, and is not read as one that has none.
    private static int[] Numbers(NpgsqlDataReader rows) => Array.ConvertAll(rows.GetFieldValue<int?[]>(0), static number => number!.Value);

    internal static (IReadOnlyList<TimerOutcome> Outcomes, long? Earliest) OutcomesAndEarliest(NpgsqlDataReader rows) =>
        (Outcomes(rows), rows.IsDBNull(1) ? null : rows.GetInt64(1));

    private static byte[][] Ids<T>(IReadOnlyList<T> items, Func<T, string> id) => [.. items.Select(item => Utf8.Bytes(id(item)))];
}
