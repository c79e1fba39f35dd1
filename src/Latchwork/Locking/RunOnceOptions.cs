namespace Latchwork;

/// <summary>How one call of <c>RunOnceAsync</c> behaves. What becomes of a run's outcome is decided by the options of the caller whose factory runs.</summary>
public sealed record RunOnceOptions
{
    /// <summary>
    /// How long the result is given to callers that come later: zero (only those who wait already) to 100 years. Default: null, as in
    /// <see cref="LockerOptions.ResultTimeout"/>. The factory can change it through <see cref="WorkLease.ResultTimeout"/>.
    /// </summary>
    public TimeSpan? ResultTimeout { get; init; }

    /// <summary>The part by which that time may be shorter or longer, at random: 0 to 1; default 0. It keeps many keys from expiring together.</summary>
    public double ResultJitter { get; init; }

    /// <summary>Whether a null result is given to later callers like any other. Default: true. If false, only those who wait already get it.</summary>
    public bool CacheNull { get; init; } = true;

    /// <summary>What becomes of a failure. Default: <see cref="FailurePolicy.Share"/>.</summary>
    public FailurePolicy OnFailure { get; init; } = FailurePolicy.Share;

    /// <summary>How long this caller waits: 1 ms to 100 years. Default: null, as in <see cref="LockerOptions.WaitTimeout"/>.</summary>
    public TimeSpan? WaitTimeout { get; init; }

    /// <summary>Throws an <see cref="ArgumentException"/> for the first value that is out of its range.</summary>
    internal void Check()
    {
        if (ResultTimeout is { } result) Limits.CheckDuration(result, TimeSpan.Zero, Limits.MaxDelay, nameof(ResultTimeout));
        if (WaitTimeout is { } wait) Limits.CheckDuration(wait, Limits.MinWait, Limits.MaxDelay, nameof(WaitTimeout));
        ArgumentNullException.ThrowIfNull(OnFailure);
        if (ResultJitter is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(ResultJitter), ResultJitter, $"'{nameof(ResultJitter)}' must be between 0 and 1; it is {ResultJitter}.");
        }
    }
}
