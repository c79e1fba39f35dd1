namespace Latchwork.Faults.Work;

/// <summary>The clock of a worker: its wall clock can be wrong by any time, and jump; what counts spans stays right, as on a real machine.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    private long _shift;

    /// <summary>By how much the wall clock is wrong.</summary>
    public TimeSpan Shift
    {
        get => new(Interlocked.Read(ref _shift));
        set => Interlocked.Exchange(ref _shift, value.Ticks);
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
}
