using System.Globalization;
using System.Text;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Rendering;

/// <summary>A line, with the points that were measured on it.</summary>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points, bool IsLimit);

/// <summary>How something changes as something else grows.</summary>
internal sealed class LineChart(string file, string title, string xName, string yName, IReadOnlyList<Series> series) : Chart(file, title)
{
    private const int Height = 340, Left = 70, Right = 30, Top = 60, Bottom = 50;

    public bool LogX { get; init; }

    public bool LogY { get; init; }

    public override bool IsEmpty => series.All(line => line.Points.Count < 2);

    /// <summary>A line for each contender of a work that was measured at several sizes.</summary>
    public static IReadOnlyList<Series> SeriesOf(SectionResult result, string work, string? name = null, bool ours = false) =>
    [
        .. result.Figures.Where(f => f.Work == work && f.At is not null && (f.IsOurs || !ours)).GroupBy(f => f.Who)
            .Select(line => new Series(name ?? line.Key, [.. line.OrderBy(f => f.At).Select(f => (f.At!.Value, f.Median))], line.First().IsLimit)),
    ];

    public override string Reading => "From the first to the last point: " + string.Join("; ", series.Where(line => line.Points.Count > 1).Select(line =>
    {
        ((double x1, double y1), (double x2, double y2)) = (line.Points[0], line.Points[^1]);
        return string.Create(CultureInfo.InvariantCulture, $"{line.Name} goes from {Text.Number(y1)} to {Text.Number(y2)} {yName} as {xName} grow from {x1:N0} to {x2:N0}");
    })) + ".";

    public override string ToSvg()
    {
        (double, double)[] all = [.. series.SelectMany(line => line.Points)];
        double x1 = all.Min(p => p.Item1), x2 = all.Max(p => p.Item1), y2 = all.Max(p => p.Item2), y1 = LogY ? all.Where(p => p.Item2 > 0).Min(p => p.Item2) : 0;
        if (LogY) (y1, y2) = (Math.Pow(10, Math.Floor(Math.Log10(y1))), Math.Pow(10, Math.Ceiling(Math.Log10(y2))));
        var body = new StringBuilder();
        foreach (double y in YMarks())
        {
            body.Append(CultureInfo.InvariantCulture, $"<path d=\"M{Left} {Y(y):F1}H{Width - Right}\" stroke=\"#e5e7eb\"/>\n");
            body.Append(Label(Left - 8, Y(y) + 4, Text.Number(y), "end", "#6b7280"));
        }

        double[] marks = LogX ? [.. all.Select(p => p.Item1).Distinct().Order()] : [.. Enumerable.Range(0, 6).Select(i => x2 * i / 5)];
        foreach (double x in marks) body.Append(Label(X(x), Height - Bottom + 18, x.ToString("N0", CultureInfo.InvariantCulture), "middle", "#6b7280"));
        body.Append(Label(Width - Right, Height - 10, xName, "end", "#6b7280")).Append(Label(16, Top - 14, yName, colour: "#6b7280"));

        double legend = Left + 60;
        for (int i = 0; i < series.Count; i++)
        {
            Series line = series[i];
            string colour = line.IsLimit ? "#9ca3af" : Colours[i % Colours.Length];
            string path = string.Join('L', line.Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.X):F1} {Y(p.Y):F1}")));
            body.Append(CultureInfo.InvariantCulture, $"<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n");
            foreach ((double x, double y) in line.Points) body.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{X(x):F1}\" cy=\"{Y(y):F1}\" r=\"3\" fill=\"{colour}\"/>\n");
            body.Append(CultureInfo.InvariantCulture, $"<rect x=\"{legend:F1}\" y=\"{Top - 24}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\n").Append(Label(legend + 18, Top - 14, line.Name));
            legend += 40 + (7 * line.Name.Length);
        }

        return Frame(Height, Title, body);

        double X(double x) => Left + ((Width - Left - Right) * (LogX ? Part(Math.Log(x), Math.Log(x1), Math.Log(x2)) : Part(x, 0, x2)));
        double Y(double y) => Height - Bottom - ((Height - Top - Bottom) * (LogY ? Part(Math.Log(Math.Max(y, y1)), Math.Log(y1), Math.Log(y2)) : Part(y, y1, y2)));
        static double Part(double value, double from, double to) => to == from ? 0.5 : (value - from) / (to - from);
        IEnumerable<double> YMarks()
        {
            if (LogY)
            {
                for (double y = y1; y <= y2 * 1.01; y *= 10) yield return y;
            }
            else
            {
                double step = Math.Pow(10, Math.Floor(Math.Log10(y2)));
                step = y2 / step < 2 ? step / 5 : y2 / step < 5 ? step / 2 : step;
                for (double y = 0; y <= y2; y += step) yield return y;
            }
        }
    }
}
