namespace Latchwork.Benchmarks.Harness;

/// <summary>Medians and percentiles, by nearest rank.</summary>
internal static class Statistics
{
    public static double Median(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return double.NaN;
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <param name="sorted">The values in ascending order; at least one.</param>
    /// <param name="part">0 to 1.</param>
    public static double Percentile(double[] sorted, double part) =>
        sorted[Math.Clamp((int)Math.Ceiling(part * sorted.Length) - 1, 0, sorted.Length - 1)];
}
