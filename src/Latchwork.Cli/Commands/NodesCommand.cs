using System.CommandLine;
using System.Globalization;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer nodes</c></summary>
internal static class NodesCommand
{
    public static Command Create(CommandHost host)
    {
        var command = new Command("nodes", "List the nodes that listen, and those that fell silent in the last hour.");
        host.OnRun(command, async (_, session) =>
        {
            var rows = new RowPrinter(session.Printer, new("NODE"), new("STATE"), new("IN FLIGHT", Right: true), new("LAST SEEN", Right: true));
            foreach (TimerNode node in await session.Timer.NodesAsync(session.Stop).ConfigureAwait(false))
            {
                session.Printer.Json(json =>
                {
                    json.WriteString("node", node.NodeId);
                    json.WriteString("state", Names.Of(node.State));
                    json.WriteNumber("inFlight", node.InFlight);
                    json.WriteNumber("lastSeenMs", SnapshotOutput.Milliseconds(node.LastSeen));
                });
                rows.Add(
                    Printable.OneLine(node.NodeId),
                    Names.Of(node.State),
                    node.InFlight.ToString(CultureInfo.InvariantCulture),
                    $"{Printable.Duration(node.LastSeen)} ago");
            }

            rows.Flush(ifEmpty: "nobody listens");
            return ExitCodes.Done;
        });
        return command;
    }
}
