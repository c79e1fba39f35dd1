using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>What a worker does until it is told to stop.</summary>
internal interface IWork
{
    /// <summary>Works.</summary>
    /// <param name="cancellationToken">Fires when it is to begin nothing more.</param>
    /// <returns>A task that ends when all that it began has ended.</returns>
    Task RunAsync(CancellationToken cancellationToken);
}

/// <summary>Small helpers of all work.</summary>
internal static class Pace
{
    /// <summary>A number that all processes share and that changes every half minute: the pools of ids and keys do, so that none has too long a history to check.</summary>
    public static long Epoch => MonotonicTime.Now / 30_000_000;

    /// <summary>Waits for a random time around a mean, or until it is time to stop.</summary>
    public static async Task PauseAsync(Random chance, int meanMilliseconds, CancellationToken cancellationToken)
    {
        int pause = chance.Next(meanMilliseconds * 2);
        await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A token that fires after a short random time in some of the calls, and never in the others.</summary>
    public static CancellationTokenSource CallerTimeout(Random chance, int percent, int milliseconds)
    {
        var source = new CancellationTokenSource();
        if (chance.Next(100) < percent) source.CancelAfter(chance.Next(milliseconds));
        return source;
    }
}
