using System.Globalization;
using Latchwork.Connecting;
using Latchwork.Postgres.Connections;

namespace Latchwork.Postgres.Maintenance;

/// <summary>What an operator should know of the server.</summary>
internal static class ServerWarnings
{
    private const int OldestVersion = 150_000;
    private const double FullQueue = 0.5;

    /// <summary>
    /// When the transactions that keep vacuum from removing rows began: those that have a snapshot; those that have written, although a session that is idle between two statements has
    /// no snapshot then; and those that are prepared, and belong to no session.
    /// </summary>
    public const string BeginningsOfTransactions =
        """
        SELECT a.xact_start AS begun, a.pid::text AS name FROM pg_catalog.pg_stat_activity a
        WHERE a.backend_type = 'client backend' AND a.datname = current_database() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
        UNION ALL SELECT p.prepared, p.gid FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database()
        """;

    /// <summary>Asks the server. What this user may not see, it does not warn of.</summary>
    public static IReadOnlyList<StoreWarning> Find(SqlSession session, long? given, ServerClock clock, bool isUnheard)
    {
        var warnings = new List<StoreWarning>();
        (int version, string fsync, string commit, double queue, long? longest, long nowUs) = session.Read(
            new SqlStatement(
                $"""
                SELECT current_setting('server_version_num')::integer, current_setting('fsync'), current_setting('synchronous_commit'),
                    pg_notification_queue_usage(),
                    (SELECT extract(epoch FROM clock_timestamp() - min(t.begun))::bigint FROM ({BeginningsOfTransactions}) t),
                    @schema@.clock($1)
                """).With(given),
            static rows => rows.Read()
                ? (rows.GetInt32(0), rows.GetString(1), rows.GetString(2), rows.GetDouble(3), rows.IsDBNull(4) ? (long?)null : rows.GetInt64(4), rows.GetInt64(5))
                : throw new InvalidOperationException("The server gave no row."));
        if (version < OldestVersion) Add("old-version", $"The server is PostgreSQL {version / 10_000}; this store is made for 15 and later: update it.");
        if (fsync == "off") Add("fsync-off", "fsync is off: a crash of the operating system or a loss of power may damage the whole database. Set fsync=on.");
        if (commit == "off") Add("asynchronous-commit", "synchronous_commit is off: a crash of the server may undo what was acknowledged in the last moments, and an event may be delivered twice at a time. Set synchronous_commit=on for this user.");
        if (queue > FullQueue) Add("notification-queue", $"The queue of NOTIFY is {queue.ToString("P0", CultureInfo.InvariantCulture)} full: when it is full, commits fail. A session that listens keeps a transaction open: end it.");
        if (longest > 600) Add("long-transaction", $"A transaction has been open for {longest / 60} minutes: vacuum cannot remove what was deleted since, and the tables grow until it ends. End it (pg_stat_activity; pg_prepared_xacts if it is prepared).");
        if (isUnheard) Add("notifications-unheard", "Notifications do not arrive: LISTEN does not work over this connection (PgBouncer in transaction mode?). Events may be found up to a second late. Give the store a connection to the server itself.");
        if (clock.Check(nowUs) is { } wentBack) warnings.Add(wentBack);
        return warnings;

        void Add(string code, string message) => warnings.Add(new StoreWarning(code, message));
    }
}
