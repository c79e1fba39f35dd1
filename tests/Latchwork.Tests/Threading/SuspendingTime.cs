namespace Latchwork.Tests.Threading;

/// <summary>The system's clock and timers, on a machine that is suspended at will: the timers stand still meanwhile, the clock does not.</summary>
internal sealed class SuspendingTime : TimeProvider
{
    private long _suspended;

    public void Suspend(TimeSpan span) => Interlocked.Add(ref _suspended, (long)(span.TotalSeconds * TimestampFrequency));

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _suspended);
}
