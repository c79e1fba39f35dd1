namespace Latchwork.Redis.Connections;

/// <summary>What the connection tells the log. Never an argument of a command, a channel or a password.</summary>
internal static partial class RedisLog
{
    [LoggerMessage(2001, LogLevel.Information, "Connected to {Server}.")]
    public static partial void Connected(ILogger logger, string server);

    [LoggerMessage(2002, LogLevel.Warning, "The connection to {Server} was lost: {Reason}. Reconnecting.")]
    public static partial void Lost(ILogger logger, string server, string reason);

    [LoggerMessage(2003, LogLevel.Warning, "Connecting to {Server} failed, and is tried again: {Reason}")]
    public static partial void ConnectFailed(ILogger logger, string server, string reason);

    [LoggerMessage(2004, LogLevel.Warning, "A subscription at {Server} could not be restored, and is tried again: {Reason}")]
    public static partial void ResubscribeFailed(ILogger logger, string server, string reason);

    [LoggerMessage(2005, LogLevel.Error, "A callback on the connection to {Server} threw an exception, which is ignored.")]
    public static partial void CallbackFailed(ILogger logger, string server, Exception exception);

    [LoggerMessage(2006, LogLevel.Information, "The primary of {Service} is {Primary}, its Sentinels say.")]
    public static partial void Primary(ILogger logger, string service, string primary);

    [LoggerMessage(2007, LogLevel.Warning, "{Error}")]
    public static partial void SentinelFailed(ILogger logger, string error);

    [LoggerMessage(2008, LogLevel.Warning, "{Server}: {Warning}")]
    public static partial void Warning(ILogger logger, string server, string warning);

    [LoggerMessage(2009, LogLevel.Information, "{Server} could not be checked for its settings: {Reason}")]
    public static partial void CheckFailed(ILogger logger, string server, string reason);

    [LoggerMessage(2011, LogLevel.Information, "The primaries of {Cluster} are {Primaries}.")]
    public static partial void Primaries(ILogger logger, string cluster, string primaries);

    [LoggerMessage(2013, LogLevel.Information, "Latchwork uses the application's connection to {Server}. With it, three guarantees are weaker than with a connection of its own: {Weaker} See docs/redis.md.")]
    public static partial void Shared(ILogger logger, string server, string weaker);

    [LoggerMessage(2015, LogLevel.Warning, "That occurrences of schedules have ended could not be noted: {Reason} What waited for their end comes within ten seconds.")]
    public static partial void EndsNotNoted(ILogger logger, string reason);

    [LoggerMessage(2016, LogLevel.Error, "The server has nothing of the timer namespace {Namespace} any more: what was posted before is lost. It was restarted without its data or flushed, or the namespace was dropped.")]
    public static partial void DataLost(ILogger logger, string @namespace);

    [LoggerMessage(2014, LogLevel.Warning, "{Warning}")]
    public static partial void PoolStarved(ILogger logger, string warning);
}
