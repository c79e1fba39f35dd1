using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Connections;

/// <summary>What the connection tells the log. Never an argument of a command, a channel or a password.</summary>
internal static partial class RedisLog
{
    [LoggerMessage(2001, LogLevel.Information, "Connected to {Server}, which is {Product} {Version}.")]
    public static partial void Connected(ILogger logger, string server, string product, string version);

    [LoggerMessage(2002, LogLevel.Warning, "The connection to {Server} is lost: {Reason}. Reconnecting.")]
    public static partial void Lost(ILogger logger, string server, string reason);

    [LoggerMessage(2003, LogLevel.Warning, "Reconnecting to {Server} failed (attempt {Attempt}): {Reason}")]
    public static partial void ReconnectFailed(ILogger logger, string server, int attempt, string reason);

    [LoggerMessage(2004, LogLevel.Error, "{Server} refused to restore a subscription: {Reason}. It is tried again at the next reconnect.")]
    public static partial void ResubscribeRefused(ILogger logger, string server, string reason);

    [LoggerMessage(2005, LogLevel.Error, "A callback on the connection to {Server} threw an exception; it is ignored.")]
    public static partial void CallbackFailed(ILogger logger, string server, Exception exception);

    [LoggerMessage(2006, LogLevel.Information, "The primary of {Service} is {Primary}, its Sentinels say.")]
    public static partial void Primary(ILogger logger, string service, RedisEndpoint primary);

    [LoggerMessage(2008, LogLevel.Warning, "{Server}: {Warning}")]
    public static partial void Warning(ILogger logger, string server, string warning);

    [LoggerMessage(2009, LogLevel.Information, "{Server} could not be checked for its settings: {Reason}")]
    public static partial void CheckFailed(ILogger logger, string server, string reason);

    [LoggerMessage(2010, LogLevel.Warning, "{Cluster}: {Trouble}")]
    public static partial void ClusterTrouble(ILogger logger, string cluster, string trouble);

    [LoggerMessage(2011, LogLevel.Information, "The primaries of {Cluster} are {Primaries}.")]
    public static partial void Primaries(ILogger logger, string cluster, string primaries);

    [LoggerMessage(2012, LogLevel.Warning, "A subscription at {Cluster} could not be made anew, and is tried again: {Reason}")]
    public static partial void ClusterResubscribeFailed(ILogger logger, string cluster, string reason);

    [LoggerMessage(2007, LogLevel.Warning, "{Trouble}")]
    public static partial void SentinelTrouble(ILogger logger, string trouble);
}
