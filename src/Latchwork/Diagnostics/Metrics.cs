using System.Diagnostics.Metrics;

namespace Latchwork.Diagnostics;

/// <summary>
/// All instruments. Names and attributes are OpenTelemetry's of messaging where it has one, and begin with <c>latchwork.</c> where it has
/// none. When nobody listens an instrument costs the check of a field.
/// </summary>
internal static class Metrics
{
    private static readonly Meter _meter = new(LatchworkTelemetry.MeterName, Tracing.Version);

    /// <summary>From a fraction of a millisecond, which is what a local store takes, to the minutes of a long handler or a backlog.</summary>
    private static readonly InstrumentAdvice<double> _seconds = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800],
    };

    public static readonly Counter<long> Sent = _meter.CreateCounter<long>(
        "messaging.client.sent.messages", "{message}", "Events that were posted, by what the post did.");

    public static readonly Counter<long> Consumed = _meter.CreateCounter<long>(
        "messaging.client.consumed.messages", "{message}", "Events that were delivered to this node.");

    public static readonly Histogram<double> Processing = _meter.CreateHistogram(
        "messaging.process.duration", "s", "How long handlers took.", tags: null, advice: _seconds);

    public static readonly Histogram<double> Lateness = _meter.CreateHistogram(
        "latchwork.timer.lateness", "s", "How long after its due time an event reached its handler.", tags: null, advice: _seconds);

    public static readonly Counter<long> Retries = _meter.CreateCounter<long>(
        "latchwork.timer.retries", "{event}", "Deliveries that failed and will be tried again.");

    public static readonly Counter<long> DeadLettered = _meter.CreateCounter<long>(
        "latchwork.timer.dead_lettered", "{event}", "Events that were dead-lettered by this node, because of a failure or an expired lease, by reason.");

    public static readonly Counter<long> LostLeases = _meter.CreateCounter<long>(
        "latchwork.timer.lost_leases", "{lease}", "Deliveries that this node lost before it had ended them, by reason.");

    public static readonly Histogram<double> LockWait = _meter.CreateHistogram(
        "latchwork.lock.wait.duration", "s", "How long a caller waited for a key or its result, by how the wait ended.", tags: null, advice: _seconds);

    public static readonly Histogram<double> Run = _meter.CreateHistogram(
        "latchwork.lock.run.duration", "s", "How long the work for a key took on this node, by how it ended.", tags: null, advice: _seconds);

    public static readonly Counter<long> Takeovers = _meter.CreateCounter<long>(
        "latchwork.lock.takeovers", "{lock}", "Keys that were taken over from an owner that gave no sign of life any more.");

    public static readonly Counter<long> Superseded = _meter.CreateCounter<long>(
        "latchwork.lock.superseded", "{publication}", "Publications that were refused because the key was not the owner's any more.");

    public static readonly Counter<long> LostLocks = _meter.CreateCounter<long>(
        "latchwork.lock.lost", "{lock}", "Ownerships that this node lost, by reason.");

    public static readonly Histogram<double> StoreOperation = _meter.CreateHistogram(
        "latchwork.store.operation.duration", "s", "How long the store took to answer.", tags: null, advice: _seconds);

    static Metrics()
    {
        _meter.CreateObservableUpDownCounter(
            "latchwork.timer.in_flight", LiveTimers.InFlight, "{event}", "Events that this node holds, queued or running.");
        _meter.CreateObservableGauge(
            "latchwork.timer.scheduled", LiveTimers.Scheduled, "{event}", "Events of a joined namespace that wait, as of the collection before.");
        _meter.CreateObservableGauge(
            "latchwork.timer.dead_letters", LiveTimers.DeadLetters, "{event}", "Dead letters of a joined namespace, as of the collection before.");
        _meter.CreateObservableGauge(
            "latchwork.timer.oldest_overdue", LiveTimers.OldestOverdue, "s", "How long the most overdue event of a joined namespace has waited, as of the collection before.");
        _meter.CreateObservableCounter(
            "latchwork.store.reconnects", LiveStores.Reconnects, "{connection}", "Connections to the store that were made anew after a loss.");
    }

    /// <summary>Whether anybody listens to what the wrapper around the timer store tells.</summary>
    public static bool TimerStoreIsMeasured => StoreOperation.Enabled || Sent.Enabled || Consumed.Enabled || Retries.Enabled || DeadLettered.Enabled;

    /// <summary>Whether anybody listens to what the wrapper around the locker store tells.</summary>
    public static bool LockerStoreIsMeasured => StoreOperation.Enabled || Takeovers.Enabled || Superseded.Enabled;
}
