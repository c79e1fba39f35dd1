namespace Latchwork.Redis.Connections;

/// <summary>
/// The pauses between attempts to reconnect: the first attempt comes at once, the pauses double from 25 ms to one second, and chance takes
/// up to half of each away, so that many clients do not come back in step.
/// </summary>
internal static class ReconnectDelay
{
    /// <summary>How long one attempt to reconnect waits for TCP.</summary>
    public static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(1);

    /// <summary>A connection that lasted less, in milliseconds, counts as a failure: a server that drops clients is not asked without a pause.</summary>
    public const long UsefulLife = 1000;

    /// <param name="attempt">The failures so far, from 1.</param>
    public static TimeSpan Before(int attempt)
    {
        double longest = Math.Min(1000, 25 * Math.Pow(2, Math.Min(attempt, 10) - 1));
#pragma warning disable CA5394 // Spreading attempts needs no secret.
        return TimeSpan.FromMilliseconds(longest * (1 - (Random.Shared.NextDouble() / 2)));
#pragma warning restore CA5394
    }
}
