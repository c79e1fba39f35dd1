using System.Globalization;
using System.Text;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Sections;

namespace Latchwork.Benchmarks.Rendering;

/// <summary>What a reader takes in within a minute: some works, ours beside the best peer and the limit, as a table and as one picture.</summary>
internal static class Summary
{
    private const string Begin = "<!-- summary: written by bench/run --render -->", End = "<!-- end of summary -->";

    private static readonly Row[] _rows =
    [
        new("posts, 64 callers", "posts", "single posts, 64 in flight", Names.Latchwork, More: true),
        new("posts in batches", "batch", null, Names.Latchwork, More: true),
        new("due events handled and confirmed, defaults", "drain", "drain of due events, each confirmed", Names.Latchwork, More: true),
        new("… tuned", "drain", "drain of due events, each confirmed", Names.Tuned, More: true),
        new("lateness p99, 1,000 events/s, 4 listeners", "lateness", "lateness p99, 1,000 events/s", Names.Latchwork, More: false, At: 4),
        new("a free lock acquired and released, 64 callers", "dotnet", "acquire + release of a free lock, 64 callers", Names.Latchwork, More: true),
        new("release to the next owner in another process, p50", "dotnet", "release to the next owner in another process, p50", Names.Latchwork, More: false),
        new("takeover after the owner was killed", "dotnet", "takeover after the owner was killed", Names.Latchwork, More: false),
        new("800 callers in 8 processes, end of the run to the last answer", "dotnet", "8 × 100 callers of one key: end of the run to the last answer", Names.Latchwork, More: false),
        new("uncontended run-once, 64 callers", "locker", "uncontended request + publish, 64 in flight", Names.Latchwork, More: true),
        new("PostgreSQL with fsync: posts, 64 callers", "postgres", "PostgreSQL, fsync on: single posts, 64 in flight", Names.Latchwork, More: true),
        new("PostgreSQL with fsync: posts in batches", "postgres", "PostgreSQL, fsync on: posts in batches of 1,000, 2 in flight", Names.Latchwork, More: true),
        new("PostgreSQL with fsync: due events handled and confirmed", "postgres", "PostgreSQL, fsync on: drain of due events, each confirmed", Names.Latchwork, More: true),
        new("PostgreSQL with fsync: lateness p99, 1,000 events/s", "postgres", "PostgreSQL, fsync on: lateness at 1,000 events/s, p99", Names.Latchwork, More: false),
    ];

    /// <summary>Puts the table between its marks in a page, and writes the picture.</summary>
    public static void Write(IReadOnlyList<SectionResult> results, string page, string chart)
    {
        var table = new StringBuilder("| work | Latchwork | the best peer | times | the limit |\n| --- | --- | --- | --- | --- |\n");
        var bars = new List<(string, double)>();
        foreach (Row row in _rows)
        {
            if (results.FirstOrDefault(result => result.Section == row.Section) is not { } result) continue;
            string? work = row.Work ?? result.Figures.FirstOrDefault(figure => figure.IsOurs && figure.Unit == "/s")?.Work;
            Figure[] figures = [.. result.Figures.Where(figure => figure.Work == work && figure.At == row.At)];
            if (figures.FirstOrDefault(figure => figure.Who == row.Who) is not { } ours) continue;
            Figure? peer = row.More ? figures.Where(figure => figure.IsPeer).MaxBy(figure => figure.Median) : figures.Where(figure => figure.IsPeer).MinBy(figure => figure.Median);
            Figure? limit = figures.Where(figure => figure.IsLimit).MaxBy(figure => figure.Median);
            double? times = peer is null ? null : row.More ? ours.Median / peer.Median : peer.Median / ours.Median;
            table.Append(CultureInfo.InvariantCulture, $"| {row.Text} | {Say(ours)} | {(peer is null ? "–" : $"{Say(peer)} ({peer.Who})")} | {(times is { } x ? $"{Text.Number(x)} ×" : "–")} | {(limit is null ? "–" : Say(limit))} |\n");
            if (times is { } bar) bars.Add((row.Text, bar));
        }

        string text = File.ReadAllText(page);
        int begin = text.IndexOf(Begin, StringComparison.Ordinal), end = text.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin) throw new InvalidOperationException($"{page} has no place for the summary: '{Begin}' and '{End}'.");
        File.WriteAllText(page, $"{text[..(begin + Begin.Length)]}\n\n{table}\n{text[end..]}");
        File.WriteAllText(chart, new RatioChart("How many times the best peer of each work, in one run", bars).ToSvg());
    }

    private static string Say(Figure figure) => $"{Text.Number(figure.Median)}{(figure.Unit.StartsWith('/') ? "" : " ")}{figure.Unit}";

    /// <param name="Text">How the row is called.</param>
    /// <param name="Section">Where it was measured.</param>
    /// <param name="Work">The work; null for the first rate of ours there.</param>
    /// <param name="Who">Which of ours.</param>
    /// <param name="More">Whether more is better.</param>
    /// <param name="At">At which growth.</param>
    private sealed record Row(string Text, string Section, string? Work, string Who, bool More, double? At = null);

    /// <summary>Bars on a logarithmic scale; the line is one: as fast as the best peer.</summary>
    private sealed class RatioChart(string title, IReadOnlyList<(string Text, double Times)> bars) : Chart("summary.svg", title)
    {
        public override bool IsEmpty => bars.Count == 0;

        public override string Reading => string.Join("; ", bars.Select(bar => $"{bar.Text}: {Text.Number(bar.Times)} ×")) + ".";

        public override string ToSvg()
        {
            const int Left = 390, Right = 70, Row = 24;
            double least = Math.Min(0.5, bars.Min(bar => bar.Times)), most = Math.Max(10, bars.Max(bar => bar.Times));
            double X(double times) => Left + (Math.Log(times / least) / Math.Log(most / least) * (Width - Left - Right));
            var body = new StringBuilder();
            double y = 40;
            foreach ((string text, double times) in bars)
            {
                double from = Math.Min(X(1), X(times)), width = Math.Abs(X(times) - X(1));
                body.Append(Label(Left - 8, y + 15, text, "end"));
                body.Append(CultureInfo.InvariantCulture, $"<rect x=\"{from:F1}\" y=\"{y + 3:F1}\" width=\"{width:F1}\" height=\"{Row - 8}\" fill=\"{(times >= 1 ? Colours[0] : Colours[1])}\"/>\n");
                body.Append(Label(Math.Max(X(1), X(times)) + 6, y + 15, $"{Text.Number(times)} ×"));
                y += Row;
            }

            body.Append(CultureInfo.InvariantCulture, $"<path d=\"M{X(1):F1} 36V{y:F1}\" stroke=\"#111827\"/>\n");
            body.Append(Label(X(1), y + 14, "the best peer", "middle", "#6b7280"));
            return Frame((int)y + 26, Title, body);
        }
    }
}
