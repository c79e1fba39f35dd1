using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer in-flight</c></summary>
internal static class InFlightCommand
{
    public static Command Create(CommandHost host)
    {
        Option<int?> limit = Options.Number("--limit", "The most events. Default: all.", 1, int.MaxValue);
        var command = new Command("in-flight", "List events in flight: who holds them, at which attempt, since when.") { limit };
        host.OnLook(command, (parsed, session) => RunAsync(session, parsed.GetValue(limit)));
        return command;
    }

    private static async Task<int> RunAsync(TimerSession session, int? limit)
    {
        var rows = new RowPrinter(
            session.Printer, new("ID"), new("NODE"), new("ATTEMPT", Right: true), new("LEASE", Right: true), new("CLAIMED"), new("BEGUN"), new("DATA"));
        await foreach (TimerSnapshot snapshot in session.Timer.InFlightAsync(limit, session.Stop).ConfigureAwait(false))
        {
            if (session.Printer.IsJson)
            {
                session.Printer.Json(json => json.WriteSnapshot(snapshot));
                continue;
            }

            rows.Add(
                Printable.OneLine(snapshot.Id),
                Printable.OneLine(snapshot.NodeId ?? ""),
                $"{snapshot.Retries + 1}/{snapshot.MaxRetries + 1}",
                snapshot.LeaseLeft is { } left && left > TimeSpan.Zero ? Printable.Duration(left) : "over",
                snapshot.ClaimedAt is { } claimedAt ? Printable.Moment(claimedAt) : "",
                snapshot.HasBegun == false ? "no" : "yes",
                Printable.Payload(snapshot.Payload.Span));
        }

        rows.Flush(ifEmpty: "nothing is in flight");
        return ExitCodes.Done;
    }
}
