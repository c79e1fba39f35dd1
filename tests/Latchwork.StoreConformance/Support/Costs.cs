namespace Latchwork.StoreConformance.Support;

/// <summary>
/// Counts what work costs, never how long it takes. What disturbs a count (another thread, a pause that makes batches smaller, code that
/// is compiled) only adds to it, so the least of a few attempts counts.
/// </summary>
public static class Costs
{
#if DEBUG
    /// <summary>By how much more a debug build allocates: state machines of async methods are objects there.</summary>
    public const double Build = 1.7;
#else
    /// <summary>By how much more a debug build allocates.</summary>
    public const double Build = 1;
#endif

    /// <summary>The most attempts.</summary>
    private const int Attempts = 6;

    /// <summary>Repeats a measurement until it is within a bound, or was tried often enough.</summary>
    /// <param name="measure">Does the work and returns what it cost.</param>
    /// <param name="bound">What is good enough.</param>
    /// <returns>The least that was measured.</returns>
    public static async Task<double> LeastAsync(Func<Task<double>> measure, double bound)
    {
        double least = double.MaxValue;
        for (int attempt = 0; attempt < Attempts && least > bound; attempt++) least = Math.Min(least, await measure());
        return least;
    }

    /// <summary>The bytes that this process allocates for each of a number of events. Nothing else must run in it meanwhile.</summary>
    /// <param name="events">How many events the work is about.</param>
    /// <param name="work">The work.</param>
    public static async Task<double> AllocatedAsync(int events, Func<Task> work)
    {
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await work();
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)events;
    }
}
