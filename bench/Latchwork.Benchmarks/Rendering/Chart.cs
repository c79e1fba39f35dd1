using System.Globalization;
using System.Text;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Rendering;

/// <summary>A chart as SVG, readable on a light and on a dark page.</summary>
internal abstract class Chart(string file, string title)
{
    protected const int Width = 720;

    /// <summary>Ours first, then the peers; the last is for limits.</summary>
    protected static readonly string[] Colours = ["#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2"];

    public string File => file;

    public string Title => title;

    public abstract bool IsEmpty { get; }

    /// <summary>What the chart says, in a sentence with figures.</summary>
    public abstract string Reading { get; }

    public abstract string ToSvg();

    protected static string Frame(int height, string title, StringBuilder body) => string.Create(CultureInfo.InvariantCulture, $"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" width="{Width}" height="{height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="{Text.Xml(title)}">
        <rect width="{Width}" height="{height}" rx="6" fill="#ffffff"/>
        <text x="16" y="24" font-size="14" font-weight="600" fill="#111827">{Text.Xml(title)}</text>
        {body}</svg>

        """).ReplaceLineEndings("\n");

    protected static string Label(double x, double y, string text, string anchor = "start", string colour = "#374151") =>
        string.Create(CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{y:F1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{Text.Xml(text)}</text>\n");
}

/// <summary>Horizontal bars, a group for each work; the thin line is the spread of the rounds.</summary>
internal sealed class BarChart(string file, string title, IReadOnlyList<(string Group, IReadOnlyList<Figure> Bars)> groups) : Chart(file, title)
{
    public static BarChart Of(SectionResult result, string file, string title, IReadOnlyList<string> works) =>
        new(file, title, [.. works.Select(work => (work, (IReadOnlyList<Figure>)[.. result.Figures.Where(f => f.Work == work && f.At is null)])).Where(group => group.Item2.Count > 0)]);

    public override bool IsEmpty => groups.Count == 0;

    public override string Reading => string.Join("; ", groups.Select(group =>
        $"{group.Group}: " + string.Join(", ", group.Bars.Select(bar => $"{bar.Who} {Text.Number(bar.Median)} {bar.Unit}")))) + ".";

    public override string ToSvg()
    {
        const int Left = 330, Right = 80, Row = 24;
        double most = groups.SelectMany(group => group.Bars).Max(bar => bar.Values.Max()), scale = (Width - Left - Right) / most;
        var body = new StringBuilder();
        double y = 44;
        foreach ((string group, IReadOnlyList<Figure> bars) in groups)
        {
            body.Append(Label(16, y + 12, group, colour: "#6b7280"));
            y += 20;
            int colour = 0;
            foreach (Figure bar in bars)
            {
                string fill = bar.IsOurs ? Colours[0] : bar.IsLimit ? "#9ca3af" : Colours[1 + (colour++ % 3)];
                double end = Left + (bar.Median * scale);
                body.Append(Label(Left - 8, y + 15, bar.Who, "end"));
                body.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left}\" y=\"{y + 3:F1}\" width=\"{bar.Median * scale:F1}\" height=\"{Row - 8}\" fill=\"{fill}\"/>\n");
                body.Append(CultureInfo.InvariantCulture, $"<path d=\"M{Left + (bar.Values.Min() * scale):F1} {y + 11:F1}H{Left + (bar.Values.Max() * scale):F1}\" stroke=\"#111827\"/>\n");
                body.Append(Label(Math.Max(end, Left + (bar.Values.Max() * scale)) + 6, y + 15, Text.Number(bar.Median)));
                y += Row;
            }

            y += 8;
        }

        return Frame((int)y + 8, Title, body);
    }
}
