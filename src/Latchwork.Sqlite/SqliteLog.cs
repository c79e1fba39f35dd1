using Microsoft.Extensions.Logging;

namespace Latchwork.Sqlite;

/// <summary>What the store tells its operators.</summary>
internal sealed partial class SqliteLog(ILogger logger)
{
    [LoggerMessage(EventId = 301, Level = LogLevel.Debug, Message = "A notification could not be sent to port {Port}: {Reason}. Its listener polls within a second.")]
    public partial void NotificationNotSent(int port, string reason);

    [LoggerMessage(EventId = 302, Level = LogLevel.Warning, Message = "No notifications can be received here: {Reason}. Listeners of this process poll once a second.")]
    public partial void NotificationsUnavailable(string reason);

    [LoggerMessage(EventId = 303, Level = LogLevel.Error, Message = "A transaction could not be undone.")]
    public partial void RollbackFailed(Exception exception);

    [LoggerMessage(EventId = 304, Level = LogLevel.Error, Message = "A listener's callback failed.")]
    public partial void CallbackFailed(Exception exception);

    [LoggerMessage(EventId = 305, Level = LogLevel.Warning, Message = "The subscriptions of this process could not be kept alive: {Reason}. It is tried again.")]
    public partial void KeepAliveFailed(string reason);

    [LoggerMessage(EventId = 306, Level = LogLevel.Information, Message = "Opened {Path} (SQLite {Version}, synchronous {Synchronous}).")]
    public partial void Opened(string path, string version, SqliteSynchronous synchronous);

    [LoggerMessage(EventId = 307, Level = LogLevel.Warning, Message = "Results that are over could not be dropped: {Reason}. It is tried again.")]
    public partial void SweepFailed(string reason);
}
