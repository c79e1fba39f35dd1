using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer upcoming|in-flight|completed</c>: lists of events.</summary>
internal static class EventListCommands
{
    public static Command CreateUpcoming(CommandHost host)
    {
        Option<TimeSpan?> offset = Options.Duration(
            "--offset", "Start with what is due this long from now. Default: the earliest, overdue included.", TimeSpan.Zero, Limits.MaxDelay);
        Option<TimeSpan?> duration = Options.Duration("--duration", "The length of the window from there. Default: to the end.", TimeSpan.Zero, Limits.MaxDelay);
        Option<int?> limit = Limit();
        var command = new Command("upcoming", "List scheduled events in order of their due times.") { offset, duration, limit };
        host.OnLook(command, (parsed, session) => PrintAsync(
            session.Printer,
            session.Timer.UpcomingAsync(parsed.GetValue(offset), parsed.GetValue(duration), parsed.GetValue(limit), session.Stop),
            "nothing is scheduled",
            [new("ID"), new("DUE"), new("IN", Right: true), new("RETRIES", Right: true), new("DATA")],
            static snapshot =>
            [
                Printable.OneLine(snapshot.Id),
                Printable.Moment(snapshot.Due),
                snapshot.TimeLeft > TimeSpan.Zero ? Printable.Duration(snapshot.TimeLeft) : "now",
                SnapshotOutput.Retries(snapshot),
                Printable.Payload(snapshot.Payload.Span),
            ]));
        return command;
    }

    public static Command CreateInFlight(CommandHost host)
    {
        Option<int?> limit = Limit();
        var command = new Command("in-flight", "List events in flight: who holds them, at which attempt, since when.") { limit };
        host.OnLook(command, (parsed, session) => PrintAsync(
            session.Printer,
            session.Timer.InFlightAsync(parsed.GetValue(limit), session.Stop),
            "nothing is in flight",
            [new("ID"), new("NODE"), new("ATTEMPT", Right: true), new("LEASE", Right: true), new("CLAIMED"), new("BEGUN"), new("DATA")],
            static snapshot =>
            [
                Printable.OneLine(snapshot.Id),
                Printable.OneLine(snapshot.NodeId ?? ""),
                Attempt(snapshot),
                snapshot.LeaseLeft is { } left && left > TimeSpan.Zero ? Printable.Duration(left) : "over",
                Moment(snapshot.ClaimedAt),
                snapshot.HasBegun == false ? "no" : "yes",
                Printable.Payload(snapshot.Payload.Span),
            ]));
        return command;
    }

    public static Command CreateCompleted(CommandHost host)
    {
        Option<int?> limit = Limit("all that are kept");
        var command = new Command("completed", "List events that were confirmed, the last first: when they were due, claimed and confirmed, and where.") { limit };
        host.OnLook(command, (parsed, session) => PrintAsync(
            session.Printer,
            session.Timer.CompletedAsync(parsed.GetValue(limit), session.Stop),
            "no completed event is kept",
            [new("ID"), new("DUE"), new("CLAIMED"), new("CONFIRMED"), new("NODE"), new("ATTEMPT", Right: true), new("OUTCOME")],
            static snapshot =>
            [
                Printable.OneLine(snapshot.Id),
                Printable.Moment(snapshot.Due),
                Moment(snapshot.ClaimedAt),
                Moment(snapshot.CompletedAt),
                Printable.OneLine(snapshot.NodeId ?? ""),
                Attempt(snapshot),
                snapshot.Outcome is { } outcome ? Names.Of(outcome) : "unknown",
            ]));
        return command;
    }

    /// <summary>How many events are listed.</summary>
    public static Option<int?> Limit(string byDefault = "all") => Options.Number("--limit", $"The most events. Default: {byDefault}.", 1, int.MaxValue);

    /// <summary>Prints events as they come: a JSON object each, or rows.</summary>
    public static async Task<int> PrintAsync(
        Printer printer, IAsyncEnumerable<TimerSnapshot> events, string ifEmpty, Column[] columns, Func<TimerSnapshot, string[]> cells)
    {
        var rows = new RowPrinter(printer, columns);
        await foreach (TimerSnapshot snapshot in events.ConfigureAwait(false))
        {
            if (printer.IsJson) printer.Json(json => json.WriteSnapshot(snapshot));
            else rows.Add(cells(snapshot));
        }

        rows.Flush(ifEmpty);
        return ExitCodes.Done;
    }

    private static string Attempt(TimerSnapshot snapshot) => $"{snapshot.Retries + 1}/{snapshot.MaxRetries + 1}";

    private static string Moment(DateTimeOffset? at) => at is { } time ? Printable.Moment(time) : "";
}
