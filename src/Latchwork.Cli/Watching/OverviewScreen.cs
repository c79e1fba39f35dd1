using System.Globalization;
using System.Text.Json;
using Latchwork.Cli.Commands;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Watching;

/// <summary>The overview of a store as lines and as JSON.</summary>
internal static class OverviewScreen
{
    // As many as a screen has room for besides the namespaces; --json has all.
    private const int MaxLockers = 10;

    private static readonly string[] _lockerHeaders = ["LOCKER", "RUNS", "TAKEOVERS", "FAILURES"];
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
        }
        else
        {
            string[] lines = Table(_headers, [.. page.Rows.Select(Cells)]);
            yield return new(lines[0]);
            for (int i = 0; i < page.Rows.Count; i++) yield return new(lines[i + 1], page.Rows[i].Severity);
        }

        if (page.Pages > 1) yield return new($"page {page.Page} of {page.Pages} (--page, --search)");
        LockerRow[] lockers = [.. page.Lockers.Where(static one => one.Stats is not { Runs: 0 }).Take(MaxLockers)];
        if (lockers.Length == 0) yield break;
        foreach (string line in Table([.. _lockerHeaders, ""], [.. lockers.Select(Cells)])) yield return new(line.TrimEnd());
        if (page.Lockers.Count > MaxLockers) yield return new($"{Printable.Count(page.Lockers.Count)} lockers in all (--json)");
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
        json.WriteStartArray("lockers");
        foreach (LockerRow locker in page.Lockers)
        {
            json.WriteStartObject();
            json.WriteString("namespace", locker.Namespace);
            if (locker.Stats is { } stats)
            {
                json.WriteNumber("runs", stats.Runs);
                json.WriteNumber("takeovers", stats.Takeovers);
                json.WriteNumber("failures", stats.Failures);
            }

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

    private static string[] Cells(LockerRow row) => row.Stats is { } stats
        ? [Printable.OneLine(row.Namespace), Printable.Count(stats.Runs), Printable.Count(stats.Takeovers), Printable.Count(stats.Failures), ""]
        : [Printable.OneLine(row.Namespace), "?", "?", "?", ""];

    private static string State(NamespaceRow row)
    {
        string state = string.Join(", ", row.Describe());
        if (row.Refusal is { } refusal) return Printable.OneLine($"{state}: {refusal}");
        if (row.Stats?.Pause is { } pause) return Printable.OneLine($"{state} {PauseCommands.Describe(pause)}");
        return state.Length > 0 ? state : row.Stats is null ? "not read yet" : "fine";
    }

    // The headers, and a line for each row.
    private static string[] Table(string[] headers, string[][] rows)
    {
        int[] widths = [.. headers.Select((header, column) => Math.Max(header.Length, rows.Max(row => row[column].Length)))];
        return [Join(headers, widths), .. rows.Select(row => Join(row, widths))];
    }

    private static string Join(string[] cells, int[] widths) => string.Join("  ", cells.Select((cell, i) =>
        i == cells.Length - 1 ? cell : i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])));
}
