using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>
/// What timers log: one event id for each meaning, with the namespace, and of what concerns an event also its id, which attempt it was, and what happens
/// next. Payloads appear only where <see cref="TimerOptions.LogPayloads"/> says so.
/// </summary>
internal static partial class TimerLog
{
    [LoggerMessage(100, LogLevel.Information, "Node {NodeId} joined namespace {Namespace}.")]
    public static partial void Joined(this ILogger logger, string nodeId, string @namespace);

    [LoggerMessage(101, LogLevel.Information, "Node {NodeId} left namespace {Namespace}: {Released} deliveries handed back, {Overran} handlers cut off.")]
    public static partial void Left(this ILogger logger, string nodeId, string @namespace, int released, int overran);

    [LoggerMessage(102, LogLevel.Warning, "Event {EventId} of {Namespace}: attempt {Attempt} of {Attempts} failed ({Error}); retry in {RetryIn}.")]
    public static partial void AttemptFailed(this ILogger logger, Exception? exception, string eventId, string @namespace, long attempt, long attempts, string error, string retryIn);

    [LoggerMessage(103, LogLevel.Error, "A subscriber of the Error event of namespace {Namespace} threw.")]
    public static partial void SubscriberThrew(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(104, LogLevel.Debug, "Namespace {Namespace}: claimed {Count} events of partition {Partition}; asking again in {AskAgainIn}.")]
    public static partial void Claimed(this ILogger logger, string @namespace, int count, int partition, TimeSpan askAgainIn);

    [LoggerMessage(105, LogLevel.Debug, "Event {EventId} of {Namespace}, attempt {Attempt}: the delivery is no longer this node's: {Why}. Its handler had {Phase}.")]
    public static partial void Lost(this ILogger logger, string eventId, string @namespace, long attempt, DeliveryEnd why, string phase);

    [LoggerMessage(107, LogLevel.Debug, "{What} was given up: the node stopped.")]
    public static partial void Stopped(this ILogger logger, string what);

    [LoggerMessage(108, LogLevel.Debug, "Namespace {Namespace}: {Count} events of partition {Partition} have not started on this node and are handed back.")]
    public static partial void HandedBack(this ILogger logger, string @namespace, int partition, int count);

    [LoggerMessage(109, LogLevel.Debug, "Namespace {Namespace}, again: {What}")]
    public static partial void FailedAgain(this ILogger logger, Exception exception, string @namespace, string what);

    [LoggerMessage(110, LogLevel.Information, "Namespace {Namespace}: due events can be claimed again, after {Failures} failures in {Lasted}.")]
    public static partial void ClaimsAgain(this ILogger logger, string @namespace, long failures, TimeSpan lasted);

    [LoggerMessage(111, LogLevel.Error, "Event {EventId} of {Namespace}: attempt {Attempt} of {Attempts} failed ({Error}); dead-lettered: {Reason}.")]
    public static partial void DeadLettered(this ILogger logger, Exception? exception, string eventId, string @namespace, long attempt, long attempts, string error, DeadLetterReason reason);

    [LoggerMessage(112, LogLevel.Error, "Namespace {Namespace}: {Count} events were dead-lettered: LeaseExpired. The nodes that had them on their last attempt died or stood still.")]
    public static partial void DeadLetteredByLease(this ILogger logger, string @namespace, int count);

    [LoggerMessage(113, LogLevel.Warning, "Namespace {Namespace}: due events could not be claimed; trying again.")]
    public static partial void ClaimFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(114, LogLevel.Warning, "Namespace {Namespace}: leases could not be extended; trying again while they last.")]
    public static partial void ExtensionFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(115, LogLevel.Information, "Namespace {Namespace}: leases can be extended again, after {Failures} failures in {Lasted}.")]
    public static partial void ExtendsAgain(this ILogger logger, string @namespace, long failures, TimeSpan lasted);

    [LoggerMessage(116, LogLevel.Warning, "Event {EventId} of {Namespace}: attempt {Attempt} of {Attempts} was handled, but could not be confirmed; {Next}.")]
    public static partial void ConfirmationFailed(this ILogger logger, Exception exception, string eventId, string @namespace, long attempt, long attempts, string next);

    [LoggerMessage(117, LogLevel.Warning, "Event {EventId} of {Namespace}: attempt {Attempt} of {Attempts} failed, and the store could not be told; {Next}.")]
    public static partial void FailureNotReported(this ILogger logger, Exception exception, string eventId, string @namespace, long attempt, long attempts, string next);

    [LoggerMessage(118, LogLevel.Warning, "Event {EventId} of {Namespace}: the lease was lost while attempt {Attempt} of {Attempts} ran; its handler was told to stop.")]
    public static partial void LeaseLost(this ILogger logger, Exception exception, string eventId, string @namespace, long attempt, long attempts);

    [LoggerMessage(119, LogLevel.Warning, "Event {EventId} of {Namespace}: attempt {Attempt} of {Attempts} could not be handed back; {Next}.")]
    public static partial void HandBackFailed(this ILogger logger, Exception exception, string eventId, string @namespace, long attempt, long attempts, string next);

    [LoggerMessage(120, LogLevel.Warning, "Event {EventId} of {Namespace}: a callback on the token of attempt {Attempt} of {Attempts} threw.")]
    public static partial void CallbackThrew(this ILogger logger, Exception exception, string eventId, string @namespace, long attempt, long attempts);

    [LoggerMessage(121, LogLevel.Warning, "Namespace {Namespace}: the store could not be told that this node leaves; it is taken for dead soon.")]
    public static partial void LeaveFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(122, LogLevel.Warning, "Namespace {Namespace}: the subscription could not be ended.")]
    public static partial void UnsubscriptionFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(123, LogLevel.Warning, "Event {EventId} of {Namespace}: the handler of attempt {Attempt} of {Attempts} failed after the delivery was over; that changes nothing.")]
    public static partial void FailedTooLate(this ILogger logger, Exception exception, string eventId, string @namespace, long attempt, long attempts);

    [LoggerMessage(125, LogLevel.Information, "Namespace {Namespace} is paused by {By} since {Since:u}: {Reason}")]
    public static partial void Paused(this ILogger logger, string @namespace, string by, DateTimeOffset since, string reason);

    [LoggerMessage(126, LogLevel.Information, "Namespace {Namespace} is paused no more.")]
    public static partial void Resumed(this ILogger logger, string @namespace);

    [LoggerMessage(124, LogLevel.Warning, "Event {EventId} of {Namespace} has the payload {Payload}")]
    public static partial void PayloadOf(this ILogger logger, string eventId, string @namespace, string payload);

    [LoggerMessage(125, LogLevel.Information, "Occurrence {Occurrence} of {Namespace} ended without running: {Outcome}; {Missed} missed times were passed over.")]
    public static partial void OccurrenceSkipped(this ILogger logger, string occurrence, string @namespace, OccurrenceOutcome outcome, int missed);

    [LoggerMessage(126, LogLevel.Information, "Occurrence {Occurrence} of {Namespace} waits for the end of another one.")]
    public static partial void OccurrenceWaits(this ILogger logger, string occurrence, string @namespace);

    [LoggerMessage(127, LogLevel.Warning, "Occurrence {Occurrence} of {Namespace} runs late; {Missed} missed times were passed over.")]
    public static partial void OccurrencesMissed(this ILogger logger, string occurrence, string @namespace, string missed);

    [LoggerMessage(128, LogLevel.Error, "The schedule {Schedule} of {Namespace} cannot be evaluated on this node: what is due runs, and a node that can has to find the next time.")]
    public static partial void ScheduleDamaged(this ILogger logger, Exception exception, string schedule, string @namespace);

    [LoggerMessage(129, LogLevel.Warning, "Occurrence {EventId} of {Namespace} could not be begun; its lease runs out, and it is delivered again, with no retry spent.")]
    public static partial void OccurrenceNotBegun(this ILogger logger, Exception exception, string eventId, string @namespace);

    [LoggerMessage(130, LogLevel.Warning, "Namespace {Namespace}: schedules without an occurrence could not be looked for; trying again.")]
    public static partial void SweepFailed(this ILogger logger, Exception exception, string @namespace);

    [LoggerMessage(131, LogLevel.Warning, "The schedule {Schedule} of {Namespace} had no occurrence: one was posted.")]
    public static partial void ScheduleRearmed(this ILogger logger, string schedule, string @namespace);
}
