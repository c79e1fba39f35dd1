namespace Latchwork;

/// <summary>Computes delays that grow.</summary>
internal static class Backoff
{
    /// <summary>The delay before retry <paramref name="n"/> (0 is the first). Never overflows, whatever n.</summary>
    public static TimeSpan DelayOf(this RetryBackoff backoff, int n, Random random)
    {
        double initial = backoff.Initial.Ticks;
        // Zero times infinity is no number.
        double ticks = initial <= 0 ? 0 : Math.Min(initial * Math.Pow(backoff.Factor, n), backoff.Max.Ticks);
        ticks *= 1 + (backoff.Jitter * ((2 * random.NextDouble()) - 1));
        return TimeSpan.FromTicks((long)Math.Clamp(ticks, 0, Limits.MaxDelay.Ticks));
    }

    /// <summary>The delay before a call to the store is repeated: 100 ms × 2ⁿ, at most 1 s, ± 20 %.</summary>
    public static TimeSpan OfStore(int n) => _store.DelayOf(n, Random.Shared);

    private static readonly RetryBackoff _store = new() { Initial = TimeSpan.FromMilliseconds(100), Max = TimeSpan.FromSeconds(1) };
}
