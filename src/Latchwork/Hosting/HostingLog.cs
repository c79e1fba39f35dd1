using Microsoft.Extensions.Logging;

namespace Latchwork.Hosting;

/// <summary>What hosting logs. Ids of events and payloads appear at Debug only.</summary>
internal static partial class HostingLog
{
    /// <summary>The category of all of it.</summary>
    public const string Category = "Latchwork.Hosting";

    [LoggerMessage(4001, LogLevel.Warning, "The store at {Store} cannot be opened; it is tried again in the background.")]
    public static partial void StoreNotReached(this ILogger logger, Exception exception, string store);

    [LoggerMessage(4002, LogLevel.Debug, "The store at {Store} still cannot be opened.")]
    public static partial void StoreStillNotReached(this ILogger logger, Exception exception, string store);

    [LoggerMessage(4003, LogLevel.Information, "The store at {Store} is open now.")]
    public static partial void StoreReached(this ILogger logger, string store);

    [LoggerMessage(4004, LogLevel.Debug, "Opening the store at {Store} was given up: the application stops.")]
    public static partial void OpeningStopped(this ILogger logger, string store);

    [LoggerMessage(4005, LogLevel.Warning, "Namespace {Namespace} cannot be joined; it is tried again in the background.")]
    public static partial void JoinFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(4006, LogLevel.Debug, "Namespace {Namespace} still cannot be joined.")]
    public static partial void JoinStillFails(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(4007, LogLevel.Warning, "An event of namespace {Namespace} cannot be read as {Type}; it is dead-lettered, with its payload as it was posted.")]
    public static partial void DeserializationFailed(this ILogger logger, string @namespace, Type type);

    [LoggerMessage(4008, LogLevel.Debug, "Event {Id} cannot be read.")]
    public static partial void EventNotDeserialized(this ILogger logger, Exception exception, string id);

    [LoggerMessage(4010, LogLevel.Warning, "An event of namespace {Namespace} cannot be read as {Type}; it was not dead-lettered, as this node does not hold it any more ({Outcome}).")]
    public static partial void DeserializationFailureNotKept(this ILogger logger, string @namespace, Type type, TimerOutcome outcome);

    [LoggerMessage(4009, LogLevel.Information, "Namespace {Namespace} was joined after it could not be.")]
    public static partial void JoinedAtLast(this ILogger logger, string @namespace);

    [LoggerMessage(4011, LogLevel.Warning, "The schedules of namespace {Namespace} cannot be declared; it is tried again in the background.")]
    public static partial void SchedulesNotDeclared(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(4012, LogLevel.Debug, "The schedules of namespace {Namespace} still cannot be declared.")]
    public static partial void SchedulesStillNotDeclared(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(4013, LogLevel.Information, "The schedules of namespace {Namespace} were declared after they could not be.")]
    public static partial void SchedulesDeclaredAtLast(this ILogger logger, string @namespace);

    [LoggerMessage(4014, LogLevel.Error, "The schedules of namespace {Namespace} cannot be declared as they are.")]
    public static partial void SchedulesRefused(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(4015, LogLevel.Warning, "The schedule {Schedule} of {Namespace} is stored with a higher revision than {Revision}: this build is older, and changes nothing.")]
    public static partial void ScheduleOutdated(this ILogger logger, string schedule, string @namespace, long revision);

    [LoggerMessage(4016, LogLevel.Warning, "The schedule {Schedule} of {Namespace} is unclaimed: an application declared it, and this one does not. It continues until it is removed.")]
    public static partial void ScheduleUnclaimed(this ILogger logger, string schedule, string @namespace);

    [LoggerMessage(4017, LogLevel.Information, "The schedule {Schedule} of {Namespace} was removed: this application does not declare it (any more).")]
    public static partial void UnlistedScheduleRemoved(this ILogger logger, string schedule, string @namespace);
}
