using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer completed</c></summary>
internal static class CompletedCommand
{
    public static Command Create(CommandHost host)
    {
        Option<int?> limit = Options.Number("--limit", "The most events. Default: all that are kept.", 1, int.MaxValue);
        var command = new Command("completed", "List events that were confirmed, the last first: when they were due, claimed and confirmed, and where.") { limit };
        host.OnLook(command, (parsed, session) => RunAsync(session, parsed.GetValue(limit)));
        return command;
    }

    private static async Task<int> RunAsync(TimerSession session, int? limit)
    {
        var rows = new RowPrinter(session.Printer, new("ID"), new("DUE"), new("CLAIMED"), new("CONFIRMED"), new("NODE"), new("ATTEMPT", Right: true), new("OUTCOME"));
        await foreach (TimerSnapshot snapshot in session.Timer.CompletedAsync(limit, session.Stop).ConfigureAwait(false))
        {
            if (session.Printer.IsJson)
            {
                session.Printer.Json(json => json.WriteSnapshot(snapshot));
                continue;
            }

            rows.Add(
                Printable.OneLine(snapshot.Id),
                Printable.Moment(snapshot.Due),
                snapshot.ClaimedAt is { } claimedAt ? Printable.Moment(claimedAt) : "",
                snapshot.CompletedAt is { } completedAt ? Printable.Moment(completedAt) : "",
                Printable.OneLine(snapshot.NodeId ?? ""),
                $"{snapshot.Retries + 1}/{snapshot.MaxRetries + 1}",
                snapshot.Outcome is { } outcome ? Names.Of(outcome) : "unknown");
        }

        rows.Flush(ifEmpty: "no completed event is kept");
        return ExitCodes.Done;
    }
}
