using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal sealed class AloneSection : Section
{
    private const string RoundTrip = "one caller: a round trip";

    public override string Name => "alone";

    public override string Title => "One caller at a time";

    public override string Explanation =>
        "No concurrency to hide behind: one caller awaits each call. A post needs one round trip, an uncontended run two (request, publication). A round trip is "
        + "a script that does nothing, on the library's own connection and awaited as the library awaits; beside it the same on a blocking socket.";

    public override int FullSeconds => 75;

    public override async Task RunAsync(Bench bench)
    {
        ContenderProcess ours = await bench.StartOursAsync();
        ContenderProcess quiet = await bench.StartOursAsync(spins: false);
        ContenderProcess raw = await bench.StartAsync("raw", bench.Server.Uri);
        ContenderProcess bullmq = await bench.StartPeerAsync("bullmq");
        ContenderProcess dtimer = await bench.StartPeerAsync("dtimer");
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            bench.Server.Clear();
            foreach (ContenderProcess process in (ContenderProcess[])[ours, quiet, raw, bullmq, dtimer]) await process.AskAsync("open", new { ns = Bench.NewName() });
            await MeasureAsync(RoundTrip, Names.Latchwork, ours, "round-trip");
            await MeasureAsync(RoundTrip, "raw, blocking socket", raw, "round-trip");
            await MeasureAsync("one caller: a post", Names.Latchwork, ours, "posts");
            await MeasureAsync("one caller: a post", Names.Quiet, quiet, "posts");
            await MeasureAsync("one caller: a post", Names.BullMq, bullmq, "posts");
            await MeasureAsync("one caller: a post", Names.DTimer, dtimer, "posts");
            await MeasureAsync("one caller: an uncontended run", Names.Latchwork, ours, "once");
            await MeasureAsync("one caller: an uncontended run", Names.Quiet, quiet, "once");
        }

        async Task MeasureAsync(string work, string who, ContenderProcess process, string verb) => await bench.TurnAsync(who, async () =>
        {
            JsonObject answer = await process.AskAsync(verb, new { inFlight = 1, seconds = bench.Options.Seconds, warmUp = 0.7 });
            bench.Add(work, who, "µs", 1e6 / answer.Number("rate"));
            if (answer["cpuPerCall"] is not null) bench.Add($"{work}: client CPU", who, "µs", answer.Number("cpuPerCall"));
        });
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        double? trip = result.Of(RoundTrip, Names.Latchwork);
        yield return Target.Less("one caller: a post to its round trip", result.Of("one caller: a post", Names.Latchwork) / trip, 1.5, "×");
        yield return Target.Less("one caller: an uncontended run to its two round trips", result.Of("one caller: an uncontended run", Names.Latchwork) / (2 * trip), 1.5, "×");
        yield return Target.Less("one caller: client CPU of a post", result.Of("one caller: a post: client CPU", Names.Latchwork), 60, "µs");
        yield return Target.Less("one caller: client CPU of a command of a run", result.Of("one caller: an uncontended run: client CPU", Names.Latchwork) / 2, 60, "µs");
    }
}
