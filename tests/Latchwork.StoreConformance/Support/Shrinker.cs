namespace Latchwork.StoreConformance.Support;

/// <summary>Finds a short part of a failing sequence that still fails (delta debugging).</summary>
public static class Shrinker
{
    private const int MaxAttempts = 3_000;

    /// <summary>Takes elements out, ever smaller pieces at a time, then makes single elements simpler, as long as it goes on failing.</summary>
    /// <param name="failing">The sequence that failed.</param>
    /// <param name="tryOut">Runs a sequence: null if it succeeds, else what went wrong.</param>
    /// <param name="simpler">Simpler forms of one element.</param>
    /// <returns>The shortest sequence found, and what goes wrong with it; null if the failure does not come back.</returns>
    public static async Task<(IReadOnlyList<T> Shortest, string? Failure)> ShrinkAsync<T>(
        IReadOnlyList<T> failing, Func<IReadOnlyList<T>, Task<string?>> tryOut, Func<T, IEnumerable<T>> simpler)
    {
        int attempts = 0;
        List<T> best = [.. failing];
        string? failure = await tryOut(best);
        if (failure is null) return (failing, null);

        bool smaller = true;
        while (smaller && attempts < MaxAttempts)
        {
            smaller = false;
            for (int piece = Math.Max(1, best.Count / 2); piece >= 1; piece /= 2)
            {
                for (int start = best.Count - piece; start >= 0; start -= piece)
                {
                    smaller |= await AttemptAsync([.. best.Take(start), .. best.Skip(start + piece)]);
                }
            }

            for (int i = best.Count - 1; i >= 0; i--)
            {
                foreach (T other in simpler(best[i]))
                {
                    if (!await AttemptAsync([.. best.Take(i), other, .. best.Skip(i + 1)])) continue;
                    smaller = true;
                    break;
                }
            }
        }

        return (best, failure);

        async Task<bool> AttemptAsync(List<T> candidate)
        {
            if (++attempts > MaxAttempts || candidate.Count == 0) return false;
            if (await tryOut(candidate) is not string fails) return false;
            (best, failure) = (candidate, fails);
            return true;
        }
    }
}
