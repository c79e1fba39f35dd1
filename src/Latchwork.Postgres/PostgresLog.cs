using Microsoft.Extensions.Logging;

namespace Latchwork.Postgres;

/// <summary>What the store tells its operators.</summary>
internal sealed partial class PostgresLog(ILogger logger)
{
    [LoggerMessage(EventId = 401, Level = LogLevel.Information, Message = "Opened {Place} (PostgreSQL {Version}, schema version {SchemaVersion}).")]
    public partial void Opened(string place, string version, int schemaVersion);

    [LoggerMessage(EventId = 402, Level = LogLevel.Information, Message = "Migrated the schema '{Schema}' from version {From} to {To}.")]
    public partial void Migrated(string schema, int from, int to);

    [LoggerMessage(EventId = 403, Level = LogLevel.Warning, Message = "The connection for notifications was lost: {Reason}. It is made again; until then listeners poll once a second.")]
    public partial void NotificationsLost(string reason);

    [LoggerMessage(EventId = 404, Level = LogLevel.Information, Message = "Notifications are received again.")]
    public partial void NotificationsBack();

    [LoggerMessage(EventId = 405, Level = LogLevel.Warning, Message = "A notification to this process itself did not arrive: LISTEN does not work over this connection (PgBouncer in transaction mode?). Listeners poll once a second. Give the store a connection to the server itself.")]
    public partial void NotificationsUnheard();

    [LoggerMessage(EventId = 406, Level = LogLevel.Error, Message = "A listener's callback failed.")]
    public partial void CallbackFailed(Exception exception);

    [LoggerMessage(EventId = 407, Level = LogLevel.Warning, Message = "Listeners could not be notified: {Reason}. They poll within a second.")]
    public partial void WakeFailed(string reason);

    [LoggerMessage(EventId = 411, Level = LogLevel.Warning, Message = "That occurrences of schedules have ended could not be noted: {Reason}. What waited for their end comes within ten seconds.")]
    public partial void EndNotNoted(string reason);

    [LoggerMessage(EventId = 408, Level = LogLevel.Warning, Message = "What is over could not be dropped: {Reason}. It is tried again.")]
    public partial void SweepFailed(string reason);

    [LoggerMessage(EventId = 409, Level = LogLevel.Warning, Message = "There is no connection to PostgreSQL: {Reason}. It is tried again.")]
    public partial void NoConnection(string reason);
}
