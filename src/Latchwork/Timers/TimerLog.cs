using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>What timers log. Ids of events appear at Debug only.</summary>
internal static partial class TimerLog
{
    [LoggerMessage(100, LogLevel.Information, "Node {NodeId} joined namespace {Namespace}.")]
    public static partial void Joined(this ILogger logger, string nodeId, string @namespace);

    [LoggerMessage(101, LogLevel.Information, "Node {NodeId} left namespace {Namespace}: {Released} deliveries handed back, {Overran} handlers cut off.")]
    public static partial void Left(this ILogger logger, string nodeId, string @namespace, int released, int overran);

    [LoggerMessage(102, LogLevel.Warning, "{What}")]
    public static partial void Failed(this ILogger logger, Exception exception, string what);

    [LoggerMessage(103, LogLevel.Error, "A subscriber of the Error event threw.")]
    public static partial void SubscriberThrew(this ILogger logger, Exception exception);

    [LoggerMessage(104, LogLevel.Debug, "Claimed {Count} events of partition {Partition}; asking again in {AskAgainIn}.")]
    public static partial void Claimed(this ILogger logger, int count, int partition, TimeSpan askAgainIn);

    [LoggerMessage(105, LogLevel.Debug, "Delivery of {Id} is no longer this node's: {Why}. Its handler had {Phase}.")]
    public static partial void Lost(this ILogger logger, string id, DeliveryEnd why, string phase);

    [LoggerMessage(106, LogLevel.Debug, "Event {Id}: {What}")]
    public static partial void FailedOn(this ILogger logger, string id, string what);

    [LoggerMessage(107, LogLevel.Debug, "{What} was given up: the node stopped.")]
    public static partial void Stopped(this ILogger logger, string what);

    [LoggerMessage(108, LogLevel.Debug, "{Count} events of partition {Partition} have not started on this node and are handed back.")]
    public static partial void HandedBack(this ILogger logger, int partition, int count);

    [LoggerMessage(109, LogLevel.Debug, "{What}")]
    public static partial void FailedAgain(this ILogger logger, Exception exception, string what);

    [LoggerMessage(110, LogLevel.Information, "{What} after {Failures} failures in {Lasted}.")]
    public static partial void OutageOver(this ILogger logger, string what, long failures, TimeSpan lasted);
}
