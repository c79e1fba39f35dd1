using System.Text.Json.Serialization;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Against;

/// <summary>Values of a figure, one for each round in which it was measured.</summary>
internal sealed class Spread
{
    /// <summary>The values by round.</summary>
    public SortedDictionary<int, double> Rounds { get; } = [];

    private ICollection<double> Values => Rounds.Values;

    public int Count => Rounds.Count;

    public double Median => Statistics.Median([.. Values]);

    public double Min => Values.Min();

    public double Max => Values.Max();
}

[JsonConverter(typeof(JsonStringEnumConverter<Verdict>))]
internal enum Verdict
{
    /// <summary>The ranges of the two builds meet, or the ratio is 1.00: nothing is shown.</summary>
    [JsonStringEnumMemberName("within the spread")]
    WithinSpread,

    /// <summary>Every value of this tree is better than every value of the ref.</summary>
    [JsonStringEnumMemberName("better")]
    Better,

    /// <summary>Every value of this tree is worse than every value of the ref.</summary>
    [JsonStringEnumMemberName("worse")]
    Worse,

    /// <summary>Only one build has the figure, or one round is all there is.</summary>
    [JsonStringEnumMemberName("open")]
    Open,
}

/// <summary>One figure of both builds.</summary>
internal sealed class ComparedFigure
{
    /// <summary>What is less than this from 1 is printed as 1.00, and is no difference.</summary>
    private const double Least = 0.005;

    public required string Section { get; init; }

    public required string Work { get; init; }

    public required string Who { get; init; }

    public required string Unit { get; init; }

    public double? At { get; init; }

    public required bool HigherIsBetter { get; init; }

    /// <summary>Whether the library has no part in it. What differs here is noise.</summary>
    public bool IsControl => !Who.StartsWith("Latchwork", StringComparison.Ordinal);

    /// <summary>The values of this tree; null if it lacks the figure.</summary>
    public Spread? Current { get; private set; }

    /// <summary>The values of the ref; null if it lacks the figure.</summary>
    public Spread? Against { get; private set; }

    /// <summary>The median of this tree by that of the ref; null where there is none.</summary>
    public double? Ratio => Current is null || Against is null ? null : Divide(Current.Median, Against.Median);

    /// <summary>The same round by round, where both were measured one after the other.</summary>
    public IReadOnlyDictionary<int, double> RoundRatios =>
        Current is null || Against is null
            ? new Dictionary<int, double>()
            : Current.Rounds.Where(round => Against.Rounds.ContainsKey(round.Key))
                .Select(round => (round.Key, Value: Divide(round.Value, Against.Rounds[round.Key])))
                .Where(round => round.Value is not null)
                .ToDictionary(round => round.Key, round => round.Value!.Value);

    public Verdict Verdict
    {
        get
        {
            if (Current is not { Count: > 1 } current || Against is not { Count: > 1 } against) return Verdict.Open;
            // Far apart may be next to nothing: counts hardly vary.
            if (Ratio is { } ratio && Math.Abs(ratio - 1) < Least) return Verdict.WithinSpread;
            if (current.Min > against.Max) return HigherIsBetter ? Verdict.Better : Verdict.Worse;
            if (current.Max < against.Min) return HigherIsBetter ? Verdict.Worse : Verdict.Better;
            return Verdict.WithinSpread;
        }
    }

    public void Add(bool current, int round, double value) => (current ? Current ??= new() : Against ??= new()).Rounds[round] = value;

    // There is no ratio to nothing, nor of what was early.
    private static double? Divide(double a, double b) => a >= 0 && b > 0 ? a / b : null;
}
