using System.Diagnostics;

namespace Latchwork.StoreConformance.Support;

/// <summary>Waits for a condition instead of a fixed time. The wait is long, so that a machine that stalls fails no test; it ends with the condition.</summary>
public static class Eventually
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(5);

    /// <summary>Waits until a condition holds.</summary>
    /// <param name="condition">The condition.</param>
    /// <param name="what">What is waited for, for the message.</param>
    /// <param name="within">How long at most; default 60 s.</param>
    public static Task HoldsAsync(Func<bool> condition, string what, TimeSpan? within = null) =>
        ReadsAsync(() => Task.FromResult(condition()), static value => value, what, within);

    /// <summary>Reads a value again and again until it is as wanted.</summary>
    /// <param name="read">Reads it.</param>
    /// <param name="wanted">Whether it is as wanted.</param>
    /// <param name="what">What is waited for, for the message.</param>
    /// <param name="within">How long at most; default 60 s.</param>
    /// <returns>The value.</returns>
    public static async Task<T> ReadsAsync<T>(Func<Task<T>> read, Func<T, bool> wanted, string what, TimeSpan? within = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            T value = await read();
            if (wanted(value)) return value;
            if (Stopwatch.GetElapsedTime(start) > (within ?? _timeout))
            {
                throw new TimeoutException($"Waited {within ?? _timeout} in vain: {what}. Last seen: {value}.");
            }

            await Task.Delay(_interval);
        }
    }
}
