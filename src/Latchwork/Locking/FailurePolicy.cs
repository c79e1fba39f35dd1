namespace Latchwork;

/// <summary>What becomes of the failure of a run.</summary>
public sealed record FailurePolicy
{
    private FailurePolicy(bool isShared, TimeSpan cacheDuration)
    {
        IsShared = isShared;
        CacheDuration = cacheDuration;
    }

    /// <summary>Everybody who waits gets the failure; who comes later starts a new run.</summary>
    public static FailurePolicy Share { get; } = new(true, TimeSpan.Zero);

    /// <summary>Only the caller whose factory failed gets the failure; the next one who waits tries.</summary>
    public static FailurePolicy RetryNextWaiter { get; } = new(false, TimeSpan.Zero);

    internal bool IsShared { get; }

    internal TimeSpan CacheDuration { get; }

    /// <summary>Everybody who waits gets the failure, and so does who comes within a time.</summary>
    /// <param name="time">Zero to 100 years.</param>
    /// <returns>The policy.</returns>
    public static FailurePolicy CacheFor(TimeSpan time)
    {
        Limits.CheckDuration(time, TimeSpan.Zero, Limits.MaxDelay);
        return new FailurePolicy(true, time);
    }
}
