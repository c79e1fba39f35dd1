using System.Globalization;
using System.Text;
using Latchwork.Benchmarks.Against;

namespace Latchwork.Benchmarks.Rendering;

/// <summary>A comparison of two builds as Markdown that can be read on a terminal as well.</summary>
internal static class ComparisonTable
{
    public static string Of(ComparisonResult result)
    {
        string against = result.Against.Name;
        List<string[]> rows =
        [
            ["figure", "who", "unit", "better is", "current", against, $"current ÷ {against}", ""],
            .. result.InBoth.Select(figure => (string[])
            [
                Where(figure), figure.Who, figure.Unit, figure.HigherIsBetter ? "higher" : "lower", Values(figure.Current!), Values(figure.Against!),
                Ratio(figure), Word(figure),
            ]),
        ];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{result.Current} against {result.Against}. Rounds: {result.Rounds}, mode: {result.Mode}. Median (smallest to largest of the rounds).\n\n");
        if (rows.Count > 1) Table(text, rows);
        text.Append(Summary(result));
        Only(text, "Only current has", result.Figures.Where(figure => figure.Against is null));
        Only(text, $"Only {against} has", result.Figures.Where(figure => figure.Current is null));
        if (result.Notes.Count > 0) text.Append('\n');
        foreach (string note in result.Notes) text.Append(CultureInfo.InvariantCulture, $"- {note}\n");
        return text.ToString();
    }

    private static string Where(ComparedFigure figure) =>
        figure.At is { } at ? string.Create(CultureInfo.InvariantCulture, $"{figure.Work}: {at:N0}") : figure.Work;

    private static string Values(Spread spread) =>
        spread.Count == 1 ? Number(spread.Median) : $"{Number(spread.Median)} ({Number(spread.Min)} to {Number(spread.Max)})";

    private static string Ratio(ComparedFigure figure)
    {
        if (figure.Ratio is not { } ratio) return "–";
        ICollection<double> each = [.. figure.RoundRatios.Values];
        return each.Count < 2 ? $"{Text.Number(ratio)} ×" : $"{Text.Number(ratio)} × ({Text.Number(each.Min())} to {Text.Number(each.Max())})";
    }

    private static string Word(ComparedFigure figure) => (figure.IsControl, figure.Verdict) switch
    {
        (true, Verdict.Better or Verdict.Worse) => "control: disturbed",
        (true, _) => "control",
        (false, Verdict.Better) => "better",
        (false, Verdict.Worse) => "worse",
        _ => "",
    };

    // Counts may be far below one; they have three digits, too.
    private static string Number(double value) =>
        Math.Abs(value) is > 0 and < 1 and double size
            ? value.ToString($"F{Math.Min(6, 2 - (int)Math.Floor(Math.Log10(size)))}", CultureInfo.InvariantCulture)
            : Text.Number(value);

    private static void Table(StringBuilder text, List<string[]> rows)
    {
        int[] widths = [.. rows[0].Select((_, column) => rows.Max(row => row[column].Length))];
        for (int i = 0; i < rows.Count; i++)
        {
            text.Append("| ").AppendJoin(" | ", rows[i].Select((cell, column) => cell.PadRight(widths[column]))).Append(" |\n");
            if (i == 0) text.Append("| ").AppendJoin(" | ", widths.Select(width => new string('-', Math.Max(3, width)))).Append(" |\n");
        }
    }

    private static string Summary(ComparisonResult result)
    {
        ComparedFigure[] ours = [.. result.InBoth.Where(figure => !figure.IsControl)];
        if (ours.Length == 0) return "No figure of Latchwork was measured of both builds.\n";
        if (result.Rounds == 1) return "\nOne round has no spread, so nothing is said of what differs: give --rounds 3 or more.\n";
        int better = ours.Count(figure => figure.Verdict == Verdict.Better), worse = ours.Count(figure => figure.Verdict == Verdict.Worse);
        if (better + worse == 0) return $"\nNone of the figures of Latchwork ({ours.Length}) differs by more than its rounds do.\n";
        string chance = string.Create(CultureInfo.InvariantCulture, $"With {result.Rounds} rounds that happens to one figure in {Chance(result.Rounds):N0} by chance");
        string more = result.Rounds < 5 ? string.Create(CultureInfo.InvariantCulture, $"; with 5 rounds to one in {Chance(5):N0}") : "";
        return string.Create(CultureInfo.InvariantCulture, $"""

            Figures of Latchwork: {ours.Length}, of which better {better}, worse {worse}, where every round of the one build lies beyond every round of the other.
            {chance}{more}.

            """).ReplaceLineEndings("\n");
    }

    /// <summary>Of the ways to deal out the values of equal builds, one in how many has all of the one above all of the other, or below.</summary>
    private static double Chance(int rounds)
    {
        double ways = 1;
        for (int i = 1; i <= rounds; i++) ways *= (rounds + i) / (double)i;
        return ways / 2;
    }

    private static void Only(StringBuilder text, string who, IEnumerable<ComparedFigure> figures)
    {
        const int Most = 20;
        string[] names = [.. figures.Select(figure => $"{Where(figure)} · {figure.Who}{(figure.Unit.Length > 0 ? $", {figure.Unit}" : "")}")];
        if (names.Length == 0) return;
        string more = names.Length > Most ? string.Create(CultureInfo.InvariantCulture, $"; and {names.Length - Most} more") : "";
        text.Append(CultureInfo.InvariantCulture, $"\n{who}: {string.Join("; ", names[..Math.Min(Most, names.Length)])}{more}.\n");
    }
}
