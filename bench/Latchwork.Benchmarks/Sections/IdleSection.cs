using System.Diagnostics;
using System.Globalization;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class IdleSection : Section
{
    private const string Work = "idle: commands a second";

    public override string Name => "idle";

    public override string Title => "Doing nothing";

    public override string Explanation =>
        "Listeners wait in a namespace in which one event is due in an hour. Counted with MONITOR on the server: what clients send; what scripts call is not counted.";

    public override int FullSeconds => 80;

    public override async Task RunAsync(Bench bench)
    {
        (string Who, ContenderProcess Poster, ContenderProcess Listener)[] contenders =
        [
            (Names.Latchwork, await bench.StartOursAsync(), await bench.StartOursAsync()),
            (Names.BullMq, await bench.StartPeerAsync("bullmq"), await bench.StartPeerAsync("bullmq")),
            (Names.DTimer, await bench.StartPeerAsync("dtimer"), await bench.StartPeerAsync("dtimer")),
        ];
        foreach (int listeners in (int[])[1, 10, 50])
        {
            foreach ((string who, ContenderProcess poster, ContenderProcess listener) in contenders)
            {
                double seconds = bench.Options.Quick ? 2 : who == Names.Latchwork ? 10 : 5;
                // The peers' cost with ten is enough to compare.
                if (who != Names.Latchwork && listeners == 50) continue;
                await bench.TurnAsync(who, async () =>
                {
                    string ns = Bench.NewName();
                    bench.Server.Clear();
                    await poster.AskAsync("open", new { ns });
                    await poster.AskAsync("posts", new { inFlight = 1, seconds = 0.001, warmUp = 0 });
                    await listener.AskAsync("listen", new { ns, listeners });
                    await Task.Delay(TimeSpan.FromSeconds(bench.Options.Quick ? 1 : 3)); // what a join sets off is over
                    bench.Add(Work, who, "/s", Monitor.Count(bench.Server, seconds), listeners);
                    await listener.AskAsync("unlisten");
                });
            }
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        foreach (int listeners in (int[])[1, 10, 50])
            yield return Target.Less(string.Create(CultureInfo.InvariantCulture, $"idle, {listeners} listeners: commands a second"), result.Of(Work, Names.Latchwork, listeners), 2, "/s");
    }

    public override bool HigherIsBetter(Figure figure) => false;

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return new LineChart("idle.svg", "Commands a second of idle listeners", "listeners", "commands/s", LineChart.SeriesOf(result, Work)) { LogX = true };
    }

    /// <summary>Counts what clients send, by the server's own account.</summary>
    private static class Monitor
    {
        public static double Count(RedisProcess server, double seconds)
        {
            using var connection = new RawConnection(server.Port);
            connection.Ask("MONITOR");
            long start = Stopwatch.GetTimestamp();
            int sent = 0;
            // The harness's own ping says that the time is over; until then nothing else of it is in the stream.
            using var timer = new Timer(_ => server.Connection.Ask("PING", "over"), null, TimeSpan.FromSeconds(seconds), Timeout.InfiniteTimeSpan);
            while (connection.Read() is { } line)
            {
                if (line.EndsWith("\"over\"", StringComparison.Ordinal)) break;
                if (!line.Contains(" lua]", StringComparison.Ordinal)) sent++;
            }

            return sent / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }
}
