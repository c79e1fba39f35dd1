using System.Globalization;
using System.Text;
using Latchwork.Monitoring;

namespace Latchwork.Dashboard;

/// <summary>What is shown of one counter of a namespace: sums, and the last hour minute by minute.</summary>
internal sealed record CounterRow(string Name, CounterSums Sums, string Path)
{
    private const int Minutes = 60, Height = 10;

    /// <summary>What a screen reader says of the picture.</summary>
    public string Label => string.Create(CultureInfo.InvariantCulture, $"{Sums.LastHour} in the last hour, {Sums.LastMinute} in the last full minute");

    public static IReadOnlyList<CounterRow> Of(TimerCounters counters) =>
    [
        Of("Posted", counters, static counts => counts.Posted),
        Of("Delivered", counters, static counts => counts.Delivered),
        Of("Confirmed", counters, static counts => counts.Confirmed),
        Of("Failed attempts", counters, static counts => counts.Failed + counts.ExpiredLeases),
        Of("Dead-lettered", counters, static counts => counts.DeadLettered),
    ];

    private static CounterRow Of(string name, TimerCounters counters, Func<TimerCounts, long> of) =>
        new(name, CounterSums.Of(counters, of), PathOf([.. counters.Minutes.Select(minute => of(minute.Counts))]));

    /// <summary>A bar a minute, the highest as high as the picture; a minute with nothing has none.</summary>
    private static string PathOf(long[] minutes)
    {
        var path = new StringBuilder();
        long most = minutes.Length == 0 ? 0 : minutes.Max();
        for (int i = 0; i < minutes.Length; i++)
        {
            if (minutes[i] == 0) continue;
            double top = Height - Math.Max(1, Height * (double)minutes[i] / most);
            path.Append(CultureInfo.InvariantCulture, $"M{Minutes - minutes.Length + i} {Height}V{top:0.#}h.8V{Height}z");
        }

        return path.ToString();
    }
}
