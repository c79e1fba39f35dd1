using System.Globalization;
using System.Text;
using Latchwork.Monitoring;

namespace Latchwork.Dashboard;

/// <summary>What is shown of one counter, of a namespace or of all: sums, and the last hour minute by minute.</summary>
internal sealed record CounterRow(string Name, CounterSums Sums, string Path)
{
    private const int Minutes = 60, Height = 10;

    /// <summary>What a screen reader says of the picture.</summary>
    public string Label => string.Create(CultureInfo.InvariantCulture, $"{Sums.LastHour} in the last hour, {Sums.LastMinute} in the last full minute");

    public static IReadOnlyList<CounterRow> Of(TimerCounters counters) => [Of("Posted", counters, static counts => counts.Posted), .. OfDeliveries(counters)];

    /// <summary>The counters of what becomes of events that are due.</summary>
    public static IReadOnlyList<CounterRow> OfDeliveries(TimerCounters counters) =>
    [
        Of("Delivered", counters, static counts => counts.Delivered),
        Of("Confirmed", counters, static counts => counts.Confirmed),
        Of("Failed attempts", counters, MinuteRates.FailedAttempts),
        Of("Dead-lettered", counters, static counts => counts.DeadLettered),
    ];

    /// <summary>What a screen reader says of the picture of <see cref="PathOf(TimerCounters, Func{TimerCounts, long})"/> in a row that has no room for more.</summary>
    public static string LabelOf(NamespaceRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"Last full minute: {row.Rates.Delivered} delivered, {row.Rates.Confirmed} confirmed, {row.Rates.Failed} failed, {row.Rates.DeadLettered} dead-lettered. Last hour: {LastHour(row)} delivered");

    /// <summary>The last hour of a counter, minute by minute, as a filled outline; the highest minute is as high as the picture, and a minute with nothing has no height.</summary>
    public static string PathOf(TimerCounters counters, Func<TimerCounts, long> of)
    {
        long[] minutes = [.. counters.Minutes.Select(minute => of(minute.Counts))];
        long most = minutes.Length == 0 ? 0 : minutes.Max();
        if (most == 0) return "";
        // Steps of one minute, those alike together: a page has one of these a row.
        var path = new StringBuilder().Append(CultureInfo.InvariantCulture, $"M{Minutes - minutes.Length} {Height}");
        double at = Height;
        int run = 0;
        foreach (long count in minutes)
        {
            double top = count == 0 ? Height : Math.Round(Height - Math.Max(1, Height * (double)count / most), 1);
            if (top != at)
            {
                if (run > 0) path.Append(CultureInfo.InvariantCulture, $"h{run}");
                path.Append(CultureInfo.InvariantCulture, $"V{top:0.#}");
                (at, run) = (top, 0);
            }

            run++;
        }

        return path.Append(CultureInfo.InvariantCulture, $"h{run}V{Height}z").ToString();
    }

    private static CounterRow Of(string name, TimerCounters counters, Func<TimerCounts, long> of) => new(name, CounterSums.Of(counters, of), PathOf(counters, of));

    private static long LastHour(NamespaceRow row) => row.Stats?.Counters.Minutes.Sum(static minute => minute.Counts.Delivered) ?? 0;
}
