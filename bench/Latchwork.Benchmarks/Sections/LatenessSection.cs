using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class LatenessSection : Section
{
    private static readonly int[] _rates = [20, 200, 1_000, 10_000];
    private static readonly int[] _listeners = [1, 4, 16];

    public override string Name => "lateness";

    public override string Title => "Lateness";

    public override string Explanation =>
        "One process posts at a steady rate with delays of 0.5 to 2 s, another holds the listeners, each with connections of its own; all settings are the "
        + "defaults (BullMQ: concurrency 64 each). Lateness is measured by the wall clock, from the time that the poster wanted, when it called, to the handler.";

    public override int FullSeconds => 290;

    public override async Task RunAsync(Bench bench)
    {
        (string Who, ContenderProcess Poster, ContenderProcess Listener)[] contenders =
        [
            (Names.Latchwork, await bench.StartOursAsync(), await bench.StartOursAsync()),
            (Names.BullMq, await bench.StartPeerAsync("bullmq"), await bench.StartPeerAsync("bullmq")),
            (Names.DTimer, await bench.StartPeerAsync("dtimer"), await bench.StartPeerAsync("dtimer")),
        ];
        foreach ((string who, ContenderProcess poster, ContenderProcess listener) in contenders)
            await bench.TurnAsync(who, () => MeasureAsync(bench, who, poster, listener, 500, 1, 2, keep: false));

        foreach (int listeners in bench.Options.Quick ? _listeners[..2] : _listeners)
        {
            foreach (int rate in bench.Options.Quick ? _rates[1..3] : _rates)
            {
                double seconds = bench.Options.Quick ? 1 : rate <= 20 ? 8 : 3;
                foreach ((string who, ContenderProcess poster, ContenderProcess listener) in contenders)
                    await bench.TurnAsync(who, () => MeasureAsync(bench, who, poster, listener, rate, listeners, seconds, keep: true));
            }
        }
    }

    private static async Task MeasureAsync(
        Bench bench, string who, ContenderProcess poster, ContenderProcess listener, int rate, int listeners, double seconds, bool keep)
    {
        string ns = Bench.NewName();
        bench.Server.Clear();
        await poster.AskAsync("open", new { ns });
        await listener.AskAsync("listen", new { ns, listeners });
        JsonObject poured = await poster.AskAsync("pour", new { rate, seconds });
        JsonObject told = await listener.AskAsync("lateness", new { expect = poured.Number("count"), limit = 6 });
        await listener.AskAsync("unlisten");
        if (!keep) return;
        string where = string.Create(CultureInfo.InvariantCulture, $"{rate:N0} events/s, {listeners} listener{(listeners == 1 ? "" : "s")}");
        double posted = poured.Number("count") / poured.Number("seconds");
        if (posted < rate * 0.9) bench.Note($"{who}, {where}: its poster managed {posted:N0} posts a second.");
        if (told.Number("missing") > 0) bench.Note($"{who}, {where}: {told.Number("missing"):N0} of {poured.Number("count"):N0} events had not come 6 s after the end; they count as 6 s late.");
        if (told.Number("count") == 0) return;
        foreach (string part in (string[])["p50", "p99", "max", "min"]) bench.Add($"lateness {part}, {Work(rate)}", who, "ms", told.Number(part), listeners);
        bench.Add($"early, {Work(rate)}", who, "events", told.Number("early"), listeners);
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        foreach (int rate in _rates)
        {
            foreach (int listeners in _listeners)
            {
                string where = string.Create(CultureInfo.InvariantCulture, $"{rate:N0} events/s, {listeners} listener{(listeners == 1 ? "" : "s")}");
                double? p99 = Of("p99");
                yield return Target.Less($"lateness p50, {where}", Of("p50"), 1.5, "ms");
                yield return Target.Less($"lateness p99, {where}", p99, 8, "ms");
                yield return Target.Less($"lateness max, {where}", Of("max"), 50, "ms");
                yield return Target.More($"lateness p99, {where}: the best peer's to ours", result.BestPeer($"lateness p99, {Work(rate)}", more: false, listeners) / p99, 10, "×");
                yield return Target.Less($"early, {where}", result.Of($"early, {Work(rate)}", Names.Latchwork, listeners), 0, "events");

                double? Of(string part) => result.Of($"lateness {part}, {Work(rate)}", Names.Latchwork, listeners);
            }

            double? one = result.Of($"lateness p99, {Work(rate)}", Names.Latchwork, 1), many = result.Of($"lateness p99, {Work(rate)}", Names.Latchwork, 16);
            yield return Target.Less(string.Create(CultureInfo.InvariantCulture, $"lateness p99, {rate:N0} events/s: 16 listeners to 1 (1.5 is within the noise)"), many / one, 1.5, "×");
        }
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        foreach (int rate in (int[])[20, 1_000])
        {
            yield return new LineChart(
                $"lateness-{rate}.svg",
                string.Create(CultureInfo.InvariantCulture, $"Lateness p99 at {rate:N0} events/s, by listeners"),
                "listeners",
                "ms",
                LineChart.SeriesOf(result, $"lateness p99, {Work(rate)}"))
            { LogX = true, LogY = true };
        }
    }

    private static string Work(int rate) => string.Create(CultureInfo.InvariantCulture, $"{rate:N0} events/s");
}
