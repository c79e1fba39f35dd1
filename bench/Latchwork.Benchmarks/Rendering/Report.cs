using System.Globalization;
using System.Text;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Sections;

namespace Latchwork.Benchmarks.Rendering;

/// <summary>Makes Markdown and charts of the results of the last run of each section.</summary>
internal static class Report
{
    /// <summary>The promises and what came of them, as a table.</summary>
    public static string Targets(string folder)
    {
        var text = new StringBuilder("| promised | bound | measured | |\n| --- | --- | --- | --- |\n");
        int met = 0, missed = 0, open = 0;
        foreach ((Section section, SectionResult result) in Results(folder))
        {
            foreach (Target target in section.Judge(result))
            {
                string verdict = target.Met switch { true => "met", false => "**missed**", null => "not measured" };
                _ = target.Met switch { true => met++, false => missed++, null => open++ };
                string value = target.Value is { } number ? $"{Text.Number(number)} {target.Unit}" : "";
                text.Append(CultureInfo.InvariantCulture, $"| {target.Text} | {(target.AtLeast ? "≥" : "≤")} {Text.Number(target.Limit)} {target.Unit} | {value} | {verdict} |\n");
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $"\n{met} met, {missed} missed, {open} not measured.\n").ToString();
    }

    /// <summary>Writes <c>results.md</c>, the charts and the figures themselves, and the summary in <c>performance.md</c> beside the folder.</summary>
    public static void Write(string from, string to)
    {
        Directory.CreateDirectory(Path.Combine(to, "data"));
        (Section Section, SectionResult Result)[] results = [.. Results(from)];
        if (results.Length == 0) throw new InvalidOperationException($"There are no results in {from}: run bench/run first.");
        var text = new StringBuilder("# Results\n\nWritten by `bench/run --render`; [performance.md](../performance.md) says how it is measured and how to repeat it.\n\n");
        if (results.Any(entry => entry.Result.Mode != "full")) text.Append("**Some of this is of a quick run, which only shows that the benchmark works.**\n\n");

        text.Append("## The machine\n\n| | |\n| --- | --- |\n");
        foreach ((string key, string value) in results.MaxBy(entry => entry.Result.Started).Result.Machine) text.Append(CultureInfo.InvariantCulture, $"| {key} | {value} |\n");
        text.Append("\n## What was promised\n\n").Append(Targets(from));
        foreach ((Section section, SectionResult result) in results)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {section.Title}\n\n{section.Explanation}\n\n");
            text.Append(CultureInfo.InvariantCulture, $"{result.Started:yyyy-MM-dd HH:mm} UTC, {result.Seconds:F0} s, {result.Mode}{(result.Complete ? "" : ", **not complete**")}.\n\n");
            foreach (string note in result.Notes) text.Append(CultureInfo.InvariantCulture, $"- {note}\n");
            if (result.Notes.Count > 0) text.Append('\n');
            text.Append(Table(result));
            foreach (Chart chart in section.Charts(result).Where(chart => !chart.IsEmpty))
            {
                File.WriteAllText(Path.Combine(to, chart.File), chart.ToSvg());
                text.Append(CultureInfo.InvariantCulture, $"\n![{chart.Title}]({chart.File})\n");
                if (chart is LineChart) text.Append(CultureInfo.InvariantCulture, $"\n{chart.Reading}\n");
            }

            ResultFiles.Write(Path.Combine(to, "data"), result);
        }

        File.WriteAllText(Path.Combine(to, "results.md"), text.ToString());
        string page = Path.Combine(to, "..", "performance.md");
        if (File.Exists(page)) Summary.Write([.. results.Select(entry => entry.Result)], page, Path.Combine(to, "summary.svg"));
    }

    private static IEnumerable<(Section Section, SectionResult Result)> Results(string folder)
    {
        foreach (Section section in AllSections.InOrder)
        {
            if (ResultFiles.Read(folder, section.Name) is { } result) yield return (section, result);
        }
    }

    private static string Table(SectionResult result)
    {
        var text = new StringBuilder("| work | who | median | from – to | Latchwork to it |\n| --- | --- | --- | --- | --- |\n");
        foreach (IGrouping<(string Work, double? At), Figure> group in result.Figures.GroupBy(f => (f.Work, f.At)))
        {
            Figure? ours = group.FirstOrDefault(f => f.IsOurs);
            foreach (Figure figure in group)
            {
                string where = figure.At is { } at ? string.Create(CultureInfo.InvariantCulture, $"{figure.Work}: {at:N0}") : figure.Work;
                string spread = figure.Values.Count > 1 ? $"{Text.Number(figure.Values.Min())} – {Text.Number(figure.Values.Max())}" : "";
                string ratio = figure.IsOurs || ours is null || figure.Median == 0 ? "" : $"{Text.Number(ours.Median / figure.Median)} ×";
                text.Append(CultureInfo.InvariantCulture, $"| {where} | {figure.Who} | {Text.Number(figure.Median)} {figure.Unit} | {spread} | {ratio} |\n");
            }
        }

        return text.ToString();
    }
}
