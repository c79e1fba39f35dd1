using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer upcoming</c></summary>
internal static class UpcomingCommand
{
    public static Command Create(CommandHost host)
    {
        Option<TimeSpan?> offset = Options.Duration(
            "--offset", "Start with what is due this long from now. Default: the earliest, overdue included.", TimeSpan.Zero, Limits.MaxDelay);
        Option<TimeSpan?> duration = Options.Duration("--duration", "The length of the window from there. Default: to the end.", TimeSpan.Zero, Limits.MaxDelay);
        Option<int?> limit = Options.Number("--limit", "The most events. Default: all.", 1, int.MaxValue);
        var command = new Command("upcoming", "List scheduled events in order of their due times.") { offset, duration, limit };
        host.OnLook(command, (parsed, session) =>
            RunAsync(session, parsed.GetValue(offset), parsed.GetValue(duration), parsed.GetValue(limit)));
        return command;
    }

    private static async Task<int> RunAsync(TimerSession session, TimeSpan? offset, TimeSpan? duration, int? limit)
    {
        var rows = new RowPrinter(session.Printer, new("ID"), new("DUE"), new("IN", Right: true), new("RETRIES", Right: true), new("DATA"));
        await foreach (TimerSnapshot snapshot in session.Timer.UpcomingAsync(offset, duration, limit, session.Stop).ConfigureAwait(false))
        {
            if (session.Printer.IsJson)
            {
                session.Printer.Json(json => json.WriteSnapshot(snapshot));
                continue;
            }

            rows.Add(
                Printable.OneLine(snapshot.Id),
                Printable.Moment(snapshot.Due),
                snapshot.TimeLeft > TimeSpan.Zero ? Printable.Duration(snapshot.TimeLeft) : "now",
                SnapshotOutput.Retries(snapshot),
                Printable.Payload(snapshot.Payload.Span));
        }

        rows.Flush(ifEmpty: "nothing is scheduled");
        return ExitCodes.Done;
    }
}
