namespace Latchwork.Threading;

/// <summary>A clock that never goes back, for waits and for local leases. Its readings are spans since some start.</summary>
internal sealed class MonotonicClock(TimeProvider time)
{
    /// <summary>The provider.</summary>
    public TimeProvider Time { get; } = time;

    /// <summary>The reading now.</summary>
    public TimeSpan Now => Time.GetElapsedTime(0);
}
