using System.Globalization;
using System.Text.Json;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>The summary at the end of the first act.</summary>
internal static class TimersReport
{
    private const int BarWidth = 40;

    /// <summary>Writes it for people.</summary>
    public static void Write(Action<string, Tone> line, TimersResult result)
    {
        line("", Tone.Plain);
        WriteCounts(line, result);
        line("", Tone.Plain);
        if (result.Redelivery is { } redelivery) line($"  {Describe(redelivery, result)}", Tone.Strong);
        WriteLateness(line, result.Lateness, result.CalmLateness);
        line("", Tone.Plain);
        DemoClaim.Write(line, result.Claims);
    }

    /// <summary>Writes the properties of the act.</summary>
    public static void WriteJson(Utf8JsonWriter json, TimersResult result)
    {
        json.WriteNumber("posted", result.Posted);
        json.WriteNumber("deliveredOnce", result.DeliveredOnce);
        json.WriteNumber("retried", result.Retried);
        json.WriteNumber("dead", result.Dead);
        json.WriteNumber("cancelled", result.Cancelled);
        json.WriteNumber("rescheduled", result.Rescheduled);
        json.WriteString("killed", result.Victim);
        json.WriteNumber("takenOver", result.TakenOver);
        if (result.Redelivery is { } redelivery)
        {
            json.WriteStartObject("redelivered");
            json.WriteNumber("count", redelivery.Count);
            json.WriteNumber("firstAfterKillMs", Math.Round(redelivery.First.TotalMilliseconds, 3));
            json.WriteNumber("lastAfterKillMs", Math.Round(redelivery.Last.TotalMilliseconds, 3));
            json.WriteNumber("latenessP50Ms", Math.Round(redelivery.Lateness.P50, 3));
            json.WriteNumber("latenessMaxMs", Math.Round(redelivery.Lateness.Max, 3));
            json.WriteEndObject();
        }

        json.WriteNumber("left", result.Left);
        json.WriteNumber("lost", result.Lost);
        json.WriteStartObject("latenessMs");
        json.WriteNumber("deliveries", result.Lateness.Count);
        json.WriteNumber("p50", Math.Round(result.Lateness.P50, 3));
        json.WriteNumber("p99", Math.Round(result.Lateness.P99, 3));
        json.WriteNumber("max", Math.Round(result.Lateness.Max, 3));
        json.WriteStartArray("histogram");
        foreach ((double upTo, int count) in result.Lateness.Buckets)
        {
            json.WriteStartObject();
            if (double.IsInfinity(upTo)) json.WriteNull("upTo");
            else json.WriteNumber("upTo", upTo);
            json.WriteNumber("count", count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        DemoClaim.WriteJson(json, result.Claims);
    }

    private static void WriteCounts(Action<string, Tone> line, TimersResult result)
    {
        string reasons = string.Join(", ", result.DeadByReason.OrderBy(p => p.Key).Select(p => $"{p.Value} {Names.Of(p.Key)}"));
        Row("posted", result.Posted);
        Row("delivered once", result.DeliveredOnce);
        Row("retried", result.Retried, $"failed at first, or held by {result.Victim} when it was killed");
        Row("dead", result.Dead, reasons);
        Row("cancelled", result.Cancelled);
        if (result.Left > 0) Row("left", result.Left, "still to be delivered when the demo gave up waiting");
        Row("lost", result.Lost, tone: result.Lost == 0 ? Tone.Good : Tone.Bad);

        void Row(string name, int count, string note = "", Tone tone = Tone.Plain) =>
            line($"  {name,-16}{Printable.Count(count),6}{(note.Length > 0 ? "   " + note : "")}".TrimEnd(), tone);
    }

    private static string Describe(Redelivery redelivery, TimersResult result) => string.Create(
        CultureInfo.InvariantCulture,
        $"redelivered: {redelivery.Count} of the {result.TakenOver} events of {result.Victim}, {redelivery.First.TotalSeconds:0.00} to {redelivery.Last.TotalSeconds:0.00} s after the kill; after the end of their leases {Figures(redelivery.Lateness)}");

    private static void WriteLateness(Action<string, Tone> line, LatenessHistogram lateness, LatenessHistogram calm)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        line($"  lateness of {Printable.Count(lateness.Count)} deliveries: {Figures(lateness)}", Tone.Strong);
        line($"  without the {TimersPlan.Notice.TotalMilliseconds:0} ms in which the kill was not yet noticed: {Figures(calm)}", Tone.Dim);
        int most = Math.Max(1, lateness.Buckets.Max(b => b.Count));
        int last = 1 + lateness.Buckets.ToList().FindLastIndex(b => b.Count > 0);
        double below = 0;
        foreach ((double upTo, int count) in lateness.Buckets.Take(last))
        {
            string label = double.IsInfinity(upTo) ? string.Create(culture, $"> {below:0.#} ms") : string.Create(culture, $"≤ {upTo:0.#} ms");
            int length = count == 0 ? 0 : Math.Max(1, (int)Math.Round((double)count * BarWidth / most));
            line($"  {label,10}  {new string('█', length).PadRight(BarWidth)} {Printable.Count(count),6}", Tone.Plain);
            below = upTo;
        }
    }

    private static string Figures(LatenessHistogram lateness) =>
        string.Create(CultureInfo.InvariantCulture, $"p50 {lateness.P50:0.0} ms, p99 {lateness.P99:0.0} ms, max {lateness.Max:0.0} ms");
}
