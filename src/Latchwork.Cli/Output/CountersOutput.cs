using System.Text.Json;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Output;

/// <summary>What has happened in a namespace of timers, as <c>timer stats</c> shows it.</summary>
internal static class CountersOutput
{
    private static readonly (string Name, string Title, Func<TimerCounts, long> Of)[] _counts =
    [
        ("posted", "posted", static one => one.Posted),
        ("replaced", "replaced", static one => one.Replaced),
        ("cancelled", "cancelled", static one => one.Cancelled),
        ("delivered", "delivered", static one => one.Delivered),
        ("confirmed", "confirmed", static one => one.Confirmed),
        ("failed", "failed attempts", static one => one.Failed),
        ("handedBack", "handed back", static one => one.HandedBack),
        ("expiredLeases", "expired leases", static one => one.ExpiredLeases),
        ("deadLettered", "dead-lettered", static one => one.DeadLettered),
    ];

    /// <summary>The last minute that is over, the last hour, the last two days and all in all, one count a row.</summary>
    public static void Print(Printer printer, TimerCounters counters)
    {
        if (printer.IsJson || counters.Minutes.Count == 0) return;
        printer.Text("");
        var rows = new RowPrinter(
            printer, new("COUNTED"), new("LAST MINUTE", Right: true), new("LAST HOUR", Right: true), new("LAST 48 HOURS", Right: true), new("IN ALL", Right: true));
        foreach ((_, string title, Func<TimerCounts, long> of) in _counts) Add(title, of);
        foreach (DeadLetterReason reason in Enum.GetValues<DeadLetterReason>())
        {
            if (counters.Totals.DeadLetteredFor(reason) > 0) Add($"  {Names.Of(reason)}", one => one.DeadLetteredFor(reason));
        }

        rows.Flush();

        void Add(string title, Func<TimerCounts, long> of)
        {
            CounterSums sums = CounterSums.Of(counters, of);
            rows.Add(title, Printable.Count(sums.LastMinute), Printable.Count(sums.LastHour), Printable.Count(sums.LastTwoDays), Printable.Count(sums.Total));
        }
    }

    /// <summary>The totals, and the minutes and hours in which something was counted.</summary>
    public static void Write(Utf8JsonWriter json, TimerCounters counters)
    {
        json.WriteStartObject("counters");
        json.WriteStartObject("totals");
        Write(json, counters.Totals);
        json.WriteEndObject();
        Write(json, "minutes", counters.Minutes);
        Write(json, "hours", counters.Hours);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<TimerCountsBucket> buckets)
    {
        json.WriteStartArray(name);
        foreach (TimerCountsBucket bucket in buckets)
        {
            if (bucket.Counts == TimerCounts.Zero) continue;
            json.WriteStartObject();
            json.WriteString("start", bucket.Start.UtcDateTime);
            Write(json, bucket.Counts);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, TimerCounts counts)
    {
        foreach ((string name, _, Func<TimerCounts, long> of) in _counts) json.WriteNumber(name, of(counts));
        json.WriteStartObject("deadLetterReasons");
        foreach (DeadLetterReason reason in Enum.GetValues<DeadLetterReason>()) json.WriteNumber(Names.Of(reason), counts.DeadLetteredFor(reason));
        json.WriteEndObject();
    }
}
