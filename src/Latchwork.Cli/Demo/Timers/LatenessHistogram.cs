namespace Latchwork.Cli.Demo.Timers;

/// <summary>How late deliveries were.</summary>
internal sealed class LatenessHistogram
{
    private static readonly double[] _bounds = [0.5, 1, 2, 5, 10, 20, 50, 100, double.PositiveInfinity];

    private readonly double[] _sorted;

    /// <summary>Creates the histogram.</summary>
    /// <param name="milliseconds">The lateness of each delivery.</param>
    public LatenessHistogram(IReadOnlyCollection<double> milliseconds)
    {
        _sorted = [.. milliseconds];
        Array.Sort(_sorted);
        var counts = new int[_bounds.Length];
        foreach (double value in _sorted) counts[Array.FindIndex(_bounds, bound => value <= bound)]++;
        Buckets = [.. _bounds.Zip(counts)];
    }

    public int Count => _sorted.Length;

    public double P50 => Percentile(0.50);

    public double P99 => Percentile(0.99);

    public double Max => _sorted.Length == 0 ? 0 : _sorted[^1];

    /// <summary>Upper bounds in milliseconds (the last is infinite), and how many deliveries lie below each and above the one before.</summary>
    public IReadOnlyList<(double UpToMs, int Count)> Buckets { get; }

    // Nearest rank: the smallest value that is not below the given part of all values.
    private double Percentile(double part) =>
        _sorted.Length == 0 ? 0 : _sorted[Math.Max(0, (int)Math.Ceiling(part * _sorted.Length) - 1)];
}
