using Microsoft.Extensions.Logging;

namespace Latchwork.Locking;

/// <summary>What the locker logs. Keys appear at level Debug only.</summary>
internal static partial class LockerLog
{
    [LoggerMessage(3001, LogLevel.Warning, "The store did not answer (attempt {Attempt}); trying again.")]
    public static partial void StoreFault(this ILogger logger, Exception exception, int attempt);

    [LoggerMessage(3002, LogLevel.Warning, "A lease could not be renewed; trying again while it lasts.")]
    public static partial void RenewalFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3003, LogLevel.Warning, "A key could not be released; its lease will run out.")]
    public static partial void ReleaseFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3004, LogLevel.Warning, "The notifications of a key could not be subscribed to; polling at intervals instead.")]
    public static partial void SubscriptionFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3005, LogLevel.Warning, "Ownership was lost: {Reason}.")]
    public static partial void OwnershipLost(this ILogger logger, LockEnd reason);

    [LoggerMessage(3006, LogLevel.Error, "A callback on the token of a lost lease threw.")]
    public static partial void LostCallbackFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3007, LogLevel.Error, "The wait for a key failed in a way that was not foreseen; its callers were told.")]
    public static partial void FlightFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3008, LogLevel.Debug, "Key {Key}: owner with fencing token {FencingToken}, taken over: {TakenOver}.")]
    public static partial void Granted(this ILogger logger, string key, long fencingToken, bool takenOver);

    [LoggerMessage(3009, LogLevel.Debug, "Key {Key}: the ownership with fencing token {FencingToken} ended: {Reason}.")]
    public static partial void Ended(this ILogger logger, string key, long fencingToken, LockEnd reason);

    [LoggerMessage(3010, LogLevel.Warning, "A result was published, but too few replicas have it: a failover now could lose it.")]
    public static partial void NotReplicated(this ILogger logger, Exception exception);
}
