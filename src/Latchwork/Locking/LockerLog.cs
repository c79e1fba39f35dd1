using Microsoft.Extensions.Logging;

namespace Latchwork.Locking;

/// <summary>What the locker logs: one event id for each meaning, with the namespace. Keys appear at level Debug, and above it where <see cref="LockerOptions.LogKeys"/> says so.</summary>
internal static partial class LockerLog
{
    [LoggerMessage(3001, LogLevel.Warning, "Namespace {Namespace}: the store did not answer (attempt {Attempt}); trying again.")]
    public static partial void StoreFault(this ILogger logger, Exception exception, string @namespace, int attempt);

    [LoggerMessage(3002, LogLevel.Warning, "Key {Key} of {Namespace}: the lease could not be renewed; trying again while it lasts.")]
    public static partial void RenewalFailed(this ILogger logger, Exception exception, string key, string @namespace);

    [LoggerMessage(3003, LogLevel.Warning, "Key {Key} of {Namespace} could not be released; its lease will run out.")]
    public static partial void ReleaseFailed(this ILogger logger, Exception exception, string key, string @namespace);

    [LoggerMessage(3004, LogLevel.Warning, "Key {Key} of {Namespace}: its notifications could not be subscribed to; polling at intervals instead.")]
    public static partial void SubscriptionFailed(this ILogger logger, Exception exception, string key, string @namespace);

    [LoggerMessage(3005, LogLevel.Warning, "Key {Key} of {Namespace}: ownership was lost: {Reason}.")]
    public static partial void OwnershipLost(this ILogger logger, string key, string @namespace, LockEnd reason);

    [LoggerMessage(3006, LogLevel.Error, "Key {Key} of {Namespace}: a callback on the token of a lost lease threw.")]
    public static partial void LostCallbackFailed(this ILogger logger, Exception exception, string key, string @namespace);

    [LoggerMessage(3007, LogLevel.Error, "Key {Key} of {Namespace}: the wait failed in a way that was not foreseen; its callers were told.")]
    public static partial void FlightFailed(this ILogger logger, Exception exception, string key, string @namespace);

    [LoggerMessage(3008, LogLevel.Debug, "Key {Key} of {Namespace}: owner with fencing token {FencingToken}, taken over: {TakenOver}.")]
    public static partial void Granted(this ILogger logger, string key, string @namespace, long fencingToken, bool takenOver);

    [LoggerMessage(3009, LogLevel.Debug, "Key {Key} of {Namespace}: the ownership with fencing token {FencingToken} ended: {Reason}.")]
    public static partial void Ended(this ILogger logger, string key, string @namespace, long fencingToken, LockEnd reason);

    [LoggerMessage(3010, LogLevel.Warning, "Key {Key} of {Namespace}: a result was published, but too few replicas have it: a failover now could lose it.")]
    public static partial void NotReplicated(this ILogger logger, Exception exception, string key, string @namespace);

    [LoggerMessage(3011, LogLevel.Warning, "Namespace {Namespace} could not be registered again.")]
    public static partial void RegistrationFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(3012, LogLevel.Debug, "Namespace {Namespace}: what was counted could not be written.")]
    public static partial void CountsNotWritten(this ILogger logger, Exception exception, string @namespace);
}
