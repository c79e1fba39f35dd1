using System.Globalization;
using System.Text.Json;
using Latchwork.Cli.Commands;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Watching;

/// <summary>The overview of a store as lines and as JSON.</summary>
internal static class OverviewScreen
{
    private static readonly string[] _headers = ["NAMESPACE", "SCHEDULED", "OVERDUE", "IN FLIGHT", "DEAD", "LISTENERS", "DELIVERED/MIN", "FAILED/MIN", "STATE"];

    public static IEnumerable<ScreenLine> Lines(OverviewPage page, OverviewQuery query)
    {
        foreach (ScreenLine line in StoreScreen.Lines(page.Store)) yield return line;
        OverviewTotals totals = page.Totals;
        string late = totals.OldestOverdue is { } oldest ? $", oldest overdue by {Printable.Duration(oldest)}" : "";
        string unread = totals.NotRead > 0 ? $" ({Printable.Count(totals.NotRead)} not read yet)" : "";
        yield return new($"{Printable.Count(totals.Namespaces)} namespaces{unread}: {Printable.Count(totals.Critical)} critical, {Printable.Count(totals.Warnings)} with warnings; " +
            $"{Printable.Count(totals.Scheduled)} scheduled{late}, {Printable.Count(totals.InFlight)} in flight, {Printable.Count(totals.DeadLetters)} dead letters, {Printable.Count(totals.Listeners)} listeners");
        MinuteRates rates = MinuteRates.Of(page.Counters);
        yield return new($"in the last full minute: {Printable.Count(rates.Delivered)} delivered, {Printable.Count(rates.Confirmed)} confirmed, {Printable.Count(rates.Failed)} failed, {Printable.Count(rates.DeadLettered)} dead-lettered");
        if (page.Rows.Count == 0)
        {
            yield return new(page.Totals.Namespaces == 0 ? "there are no namespaces yet: 'latchwork timer post' makes one" : Printable.OneLine($"no namespace contains '{query.Search}'"));
            yield break;
        }

        string[][] cells = [.. page.Rows.Select(Cells)];
        int[] widths = [.. _headers.Select((header, column) => Math.Max(header.Length, cells.Max(row => row[column].Length)))];
        yield return new(Join(_headers, widths));
        for (int i = 0; i < cells.Length; i++) yield return new(Join(cells[i], widths), page.Rows[i].Severity);
        if (page.Pages > 1) yield return new($"page {page.Page} of {page.Pages} (--page, --search)");
    }

    public static void Write(Utf8JsonWriter json, OverviewPage page)
    {
        StoreScreen.Write(json, page.Store);
        json.WriteNumber("namespaces", page.Totals.Namespaces);
        json.WriteNumber("critical", page.Totals.Critical);
        json.WriteNumber("warnings", page.Totals.Warnings);
        json.WriteNumber("scheduled", page.Totals.Scheduled);
        json.WriteNumber("inFlight", page.Totals.InFlight);
        json.WriteNumber("deadLetters", page.Totals.DeadLetters);
        json.WriteNumber("listeners", page.Totals.Listeners);
        WriteRates(json, MinuteRates.Of(page.Counters));
        json.WriteNumber("page", page.Page);
        json.WriteNumber("pages", page.Pages);
        json.WriteStartArray("rows");
        foreach (NamespaceRow row in page.Rows)
        {
            json.WriteStartObject();
            WriteRow(json, row);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static void WriteRow(Utf8JsonWriter json, NamespaceRow row)
    {
        json.WriteString("namespace", row.Namespace);
        json.WriteString("severity", row.Severity switch
        {
            Severity.Critical => "critical",
            Severity.Warning => "warning",
            Severity.Notice => "notice",
            _ => "fine",
        });
        json.WriteStartArray("problems");
        foreach (string problem in row.Describe()) json.WriteStringValue(problem);
        json.WriteEndArray();
        if (row.Refusal is { } refusal) json.WriteString("refusal", refusal);
        if (row.Stats is not { } stats) return;
        StatsCommand.WriteCounts(json, stats);
        json.WriteNumber("listeners", row.Listeners);
        WriteRates(json, row.Rates);
    }

    private static void WriteRates(Utf8JsonWriter json, MinuteRates rates)
    {
        json.WriteStartObject("lastMinute");
        json.WriteNumber("delivered", rates.Delivered);
        json.WriteNumber("confirmed", rates.Confirmed);
        json.WriteNumber("failed", rates.Failed);
        json.WriteNumber("deadLettered", rates.DeadLettered);
        json.WriteEndObject();
    }

    private static string[] Cells(NamespaceRow row) =>
    [
        Printable.OneLine(row.Namespace),
        row.Stats is { } stats ? Printable.Count(stats.Scheduled) : "?",
        row.Stats?.OldestOverdue is { } late ? Printable.Duration(late) : "",
        row.Stats is { } flying ? Printable.Count(flying.InFlight) : "?",
        row.Stats is { } dead ? Printable.Count(dead.DeadLetters) + (row.DeadLettersGrownBy > 0 ? $" (+{row.DeadLettersGrownBy.ToString(CultureInfo.InvariantCulture)})" : "") : "?",
        row.Stats is null ? "?" : row.Listeners.ToString(CultureInfo.InvariantCulture),
        row.Stats is null ? "?" : Printable.Count(row.Rates.Delivered),
        row.Stats is null ? "?" : Printable.Count(row.Rates.Failed),
        State(row),
    ];

    private static string State(NamespaceRow row)
    {
        string state = string.Join(", ", row.Describe());
        if (row.Refusal is { } refusal) return Printable.OneLine($"{state}: {refusal}");
        if (row.Stats?.Pause is { } pause) return Printable.OneLine($"{state} {PauseCommands.Describe(pause)}");
        return state.Length > 0 ? state : row.Stats is null ? "not read yet" : "fine";
    }

    private static string Join(string[] cells, int[] widths) => string.Join("  ", cells.Select((cell, i) =>
        i == cells.Length - 1 ? cell : i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])));
}
