namespace Latchwork.Connecting;

/// <summary>
/// Notices that the clock of a server, or of the one that took its place, has gone back: behind the latest time that was seen of it, carried on by the
/// monotonic clock of this machine.
/// </summary>
/// <param name="timeProvider">Has the monotonic clock: that of a store that goes by another clock than the machine's; null for the machine's.</param>
internal sealed class ServerClock(TimeProvider? timeProvider = null)
{
    private static readonly TimeSpan _tolerance = TimeSpan.FromSeconds(1);
    private readonly TimeProvider _time = timeProvider ?? TimeProvider.System;
    private readonly Lock _gate = new();
    private long _latestUs;
    private long _latestAt;

    /// <summary>Takes the server's time, in µs.</summary>
    /// <returns>What an operator should know; null if the clock has not gone back.</returns>
    public StoreWarning? Check(long nowUs) => WentBack(nowUs) is var span && span == TimeSpan.Zero ? null : new StoreWarning(
        "clock-back",
        $"The store's clock went back by {Durations.Text(span)}: it was ahead, or it is behind now (after a failover perhaps). Delays and leases keep their length, absolute due times follow the clock as it is now. Compare the clocks of the servers.");

    /// <summary>Takes the server's time, in µs.</summary>
    /// <returns>By how much it is behind; zero if that is a second at most.</returns>
    public TimeSpan WentBack(long nowUs)
    {
        lock (_gate)
        {
            long at = _time.GetTimestamp();
            long expected = _latestUs == 0 ? nowUs : _latestUs + (_time.GetElapsedTime(_latestAt, at).Ticks / TimeSpan.TicksPerMicrosecond);
            if (nowUs >= expected || _latestUs == 0) (_latestUs, _latestAt) = (nowUs, at);
            var behind = TimeSpan.FromMicroseconds(expected - nowUs);
            return behind > _tolerance ? behind : TimeSpan.Zero;
        }
    }
}
