namespace Latchwork;

/// <summary>The delay before retry n (0 is the first): <see cref="Initial"/> × <see cref="Factor"/>ⁿ, at most <see cref="Max"/>, randomised by ± <see cref="Jitter"/>.</summary>
public sealed record RetryBackoff
{
    /// <summary>The delay before the first retry: zero to 100 years; default 1 s.</summary>
    public TimeSpan Initial { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest delay, before randomisation: zero to 100 years; default 10 min.</summary>
    public TimeSpan Max { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>By what the delay grows with every retry: 1 to 100; default 2.</summary>
    public double Factor { get; init; } = 2;

    /// <summary>The part by which a delay may be shorter or longer: 0 to 1; default 0.2.</summary>
    public double Jitter { get; init; } = 0.2;
}
