using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Connections;

/// <summary>What is to be done after an attempt has failed.</summary>
/// <param name="IsWorthRepeating">It is known not to have happened, and the same attempt may succeed soon.</param>
/// <param name="BreaksConnection">The connection is of no use any more.</param>
/// <param name="Exception">What the caller gets.</param>
internal readonly record struct PostgresFailure(bool IsWorthRepeating, bool BreaksConnection, Exception Exception);

/// <summary>
/// The one table that says what each failure of the client and each SQLSTATE of the server means: whether the operation has happened, has not, or
/// may have, and whether trying again helps.
/// </summary>
/// <remarks>
/// An operation is one statement that commits by itself. An <c>ERROR</c> rolls it back, so that it is known not to have happened. A connection that
/// ends, for which the server says <c>FATAL</c> or nothing, may have ended after the commit and before its acknowledgement.
/// </remarks>
internal static class PostgresFailures
{
    /// <summary>A namespace is being moved, or was: the message is what it is of, its name in hexadecimal and its mark.</summary>
    public const string Sealed = "LW001";

    /// <summary>A namespace has a format or a number of partitions that this program does not know.</summary>
    public const string OtherFormat = "LW002";

    /// <summary>The transaction does not see what is committed while it runs.</summary>
    public const string Isolation = "LW004";

    /// <summary>A namespace that was opened is not there any more.</summary>
    public const string Vanished = "LW003";

    /// <summary>What a SQLSTATE means to a person, whether the same operation may succeed later, and whether it is tried again immediately. Null if it says nothing of the server's state.</summary>
    public static (string Help, bool IsTransient, bool IsWorthRepeating)? Explain(string sqlState) => sqlState switch
    {
        Vanished => ("the namespace was dropped meanwhile", true, true),
        PostgresErrorCodes.SerializationFailure => ("another transaction changed the same rows at the same time", true, true),
        PostgresErrorCodes.DeadlockDetected => ("transactions waited for each other in a circle, and PostgreSQL ended this one", true, true),
        PostgresErrorCodes.LockNotAvailable => ("another transaction holds the row for longer than LockTimeout; it has posted, cancelled or confirmed the same id, or published for the same key, and is still open", true, false),
        PostgresErrorCodes.QueryCanceled => ("it took too long, or somebody cancelled it (statement_timeout, pg_cancel_backend)", true, false),
        PostgresErrorCodes.ReadOnlySqlTransaction => ("the server is a read-only standby; name all hosts and set Target Session Attributes=primary", true, true),
        PostgresErrorCodes.TooManyConnections => ("the server has no connection left (max_connections)", true, true),
        PostgresErrorCodes.CannotConnectNow => ("the server is starting, stopping or recovering", true, true),
        PostgresErrorCodes.AdminShutdown => ("an administrator has ended the connection, or the server is stopping", true, true),
        PostgresErrorCodes.CrashShutdown => ("another process of the server crashed, and it restarts", true, true),
        PostgresErrorCodes.IdleSessionTimeout => ("the server ended a connection that had been idle for long (idle_session_timeout)", true, true),
        PostgresErrorCodes.DiskFull => ("the server's disk is full; free some space, and it continues", true, false),
        PostgresErrorCodes.OutOfMemory => ("the server has no memory left", true, false),
        PostgresErrorCodes.ConfigurationLimitExceeded => ("the server has reached a configured limit", true, false),
        PostgresErrorCodes.ProgramLimitExceeded => ("a limit of the server is reached; if it is the queue of NOTIFY, a session that listens has kept a transaction open for long", true, false),
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => ("the server does not accept this user name and password", false, false),
        PostgresErrorCodes.InvalidCatalogName => ("there is no such database", false, false),
        PostgresErrorCodes.InsufficientPrivilege => ("the user lacks a right; see the list of rights in docs/postgres.md", false, false),
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName =>
            ("the schema is missing or not of this version; run 'latchwork store migrate'", false, false),
        PostgresErrorCodes.InFailedSqlTransaction => ("the transaction had failed before; roll it back", false, false),
        PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted => ("the database is damaged; restore a backup", false, false),
        _ => null,
    };

    /// <summary>Judges a failure of an operation that was sent, or may have been.</summary>
    public static PostgresFailure Judge(Exception error, string name) => error switch
    {
        PostgresException { SqlState: Sealed } e => new(false, false, Refuse(e)),
        PostgresException { SqlState: Isolation } e => new(false, false, new LatchworkStoreException(
            $"The {name} was not done: Latchwork needs a transaction of the isolation level READ COMMITTED; this one has '{e.MessageText}' (default_transaction_isolation, if it is the store's own).", StoreOutcome.NotApplied, e)),
        PostgresException { SqlState: OtherFormat } e => new(false, false, new LatchworkStoreException(e.MessageText, StoreOutcome.NotApplied)),
        PostgresException e => JudgeServer(e, name),
        NpgsqlException { InnerException: TimeoutException } e => new(false, true, Transient(
            $"The server did not reply to the {name} in time; it may have happened.", StoreOutcome.Unknown, e)),
        NpgsqlException e => new(false, true, Transient(
            $"The connection to PostgreSQL broke after the {name} was sent; it may have happened. ({Reason(e)})", StoreOutcome.Unknown, e)),
        _ => new(false, true, error),
    };

    /// <summary>Judges a failure to get a connection: nothing was sent.</summary>
    public static PostgresFailure JudgeConnecting(Exception error, string name)
    {
        switch (error)
        {
            case PostgresException e:
                (string help, bool isTransient, bool repeat) = Explain(e.SqlState) ?? ("PostgreSQL refused the connection", false, false);
                return new(repeat, true, NotSent(name, $"{help} (PostgreSQL: {e.SqlState}, {e.MessageText})", isTransient, e));
            case NpgsqlException { InnerException: TimeoutException } e when IsPoolExhausted(e):
                return new(false, true, NotSent(
                    name,
                    "every connection of the pool is in use. Raise 'Maximum Pool Size' by what the store needs (MaxConnections and 3 more), or give the store a data source of its own",
                    isTransient: true,
                    e));
            case NpgsqlException { IsTransient: false, InnerException: not (System.Net.Sockets.SocketException or IOException or TimeoutException) } e:
                return new(false, true, NotSent(name, $"there is no connection: {Reason(e)}", isTransient: false, e));
            case NpgsqlException or System.Net.Sockets.SocketException or IOException or TimeoutException:
                return new(true, true, NotSent(name, $"there is no connection: {Reason(error)}", isTransient: true, error));
            default:
                return new(false, true, error);
        }
    }

    /// <summary>Judges a failure in a caller's transaction, which is aborted by any.</summary>
    public static Exception JudgeInTransaction(Exception error, string name)
    {
        Exception judged = Judge(error, name).Exception;
        if (judged is not LatchworkStoreException { Outcome: StoreOutcome.Unknown } unknown) return judged;

        // Whatever has happened, the transaction cannot be committed any more.
        string why = error switch
        {
            PostgresException e => $"{Explain(e.SqlState)?.Help ?? "PostgreSQL ended the connection"} (PostgreSQL: {e.SqlState}, {e.MessageText})",
            { InnerException: TimeoutException } => "the server did not reply in time",
            _ => $"the connection to PostgreSQL broke ({Reason(error)})",
        };
        return new LatchworkStoreException($"The {name} was not done, and its transaction is over: {why}.", StoreOutcome.NotApplied, error) { IsTransient = unknown.IsTransient };
    }

    public static LatchworkStoreException TooMany(string name, int max) => Transient(
        $"The {name} was not sent: {max} operations wait for PostgreSQL already; it cannot keep up.", StoreOutcome.NotApplied);

    /// <summary>A commit that did not wait for the synchronous standby.</summary>
    public static LatchworkStoreException NotReplicated() => Transient(
        "The operation is committed, but somebody, or the timeout, cancelled its wait for the synchronous standby: after a failover it may not have happened.", StoreOutcome.Unknown);

    /// <summary>A refusal that PostgreSQL knows nothing of.</summary>
    public static LatchworkStoreException Refuse(string message) => new(message, StoreOutcome.NotApplied);

    private static PostgresFailure JudgeServer(PostgresException e, string name)
    {
        (string Help, bool IsTransient, bool IsWorthRepeating)? meaning = Explain(e.SqlState);
        bool endsConnection = e.Severity is "FATAL" or "PANIC" || e.InvariantSeverity is "FATAL" or "PANIC";

        // The server ended an idle connection before this was sent; or it ended this one, perhaps after the commit.
        bool isUnknown = endsConnection && e.SqlState != PostgresErrorCodes.IdleSessionTimeout;
        bool breaks = endsConnection || e.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction;
        (string help, bool isTransient, bool repeat) = meaning ?? ("PostgreSQL refused it", false, false);
        string what = isUnknown ? "may have happened" : "was not done";
        var exception = new LatchworkStoreException(
            $"The {name} {what}: {help} (PostgreSQL: {e.SqlState}, {e.MessageText}).", isUnknown ? StoreOutcome.Unknown : StoreOutcome.NotApplied, e)
        {
            IsTransient = isTransient || isUnknown,
        };
        return new(repeat && !isUnknown, breaks, exception);
    }

    private static LatchworkStoreException Refuse(PostgresException e)
    {
        string[] parts = e.MessageText.Split(' ', 3);
        var unit = new NamespaceRef(parts[0] == "timers" ? TransferKind.Timers : TransferKind.Locks, System.Text.Encoding.UTF8.GetString(Convert.FromHexString(parts[1])));
        return MaintenanceRules.Refuse(unit, TransferMark.Parse(parts[2])!);
    }

    private static LatchworkStoreException NotSent(string name, string why, bool isTransient, Exception inner) =>
        new($"The {name} was not sent: {why}. Nothing was changed.", StoreOutcome.NotApplied, inner) { IsTransient = isTransient };

    private static LatchworkStoreException Transient(string message, StoreOutcome outcome, Exception? inner = null) => new(message, outcome, inner) { IsTransient = true };

    private static bool IsPoolExhausted(NpgsqlException e) => e.Message.Contains("pool", StringComparison.OrdinalIgnoreCase);

    private static string Reason(Exception e) => (e.InnerException ?? e).Message;
}
