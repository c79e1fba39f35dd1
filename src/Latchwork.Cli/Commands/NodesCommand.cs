using System.CommandLine;
using System.Globalization;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer nodes</c></summary>
internal static class NodesCommand
{
    private static readonly Column[] _columns = [new("NODE"), new("STATE"), new("IN FLIGHT", Right: true), new("LAST SEEN", Right: true)];

    public static Command Create(CommandHost host)
    {
        var all = new Option<bool>("--all") { Description = "Those of every namespace of the store, each with its namespace." };
        var command = new Command("nodes", "List the nodes that listen, and those that fell silent in the last hour.") { all };
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) && result.GetValue(host.Globals.Namespace) is not null) result.AddError("Give --all or --namespace, not both.");
        });
        host.OnLook(command, async (parsed, session) =>
        {
            await (parsed.GetValue(all) ? ListAllAsync(session) : ListAsync(session)).ConfigureAwait(false);
            return ExitCodes.Done;
        },
        ofAllNamespaces: parsed => parsed.GetValue(all));
        return command;
    }

    private static async Task ListAsync(TimerSession session)
    {
        var rows = new RowPrinter(session.Printer, _columns);
        foreach (TimerNode node in await session.Timer.GetNodesAsync(session.Stop).ConfigureAwait(false))
        {
            Print(session.Printer, ns: null, node);
            rows.Add(Cells(node));
        }

        rows.Flush(ifEmpty: "nobody listens");
    }

    private static async Task ListAllAsync(TimerSession session)
    {
        var rows = new RowPrinter(session.Printer, [new("NAMESPACE"), .. _columns]);
        foreach (string ns in await session.Store.Timers.NamespacesAsync(session.Stop).ConfigureAwait(false))
        {
            foreach (TimerNode node in await OfEachNamespace.AskAsync(session, ns, timer => timer.GetNodesAsync(session.Stop)).ConfigureAwait(false) ?? [])
            {
                Print(session.Printer, ns, node);
                rows.Add([Printable.OneLine(ns), .. Cells(node)]);
            }
        }

        rows.Flush(ifEmpty: "nobody listens");
    }

    private static void Print(Printer printer, string? ns, TimerNode node) => printer.Json(json =>
    {
        if (ns is not null) json.WriteString("namespace", ns);
        json.WriteString("node", node.NodeId);
        json.WriteString("state", Names.Of(node.State));
        json.WriteNumber("inFlight", node.InFlight);
        json.WriteNumber("lastSeenMs", SnapshotOutput.Milliseconds(node.LastSeen));
    });

    private static string[] Cells(TimerNode node) =>
    [
        Printable.OneLine(node.NodeId),
        Names.Of(node.State),
        node.InFlight.ToString(CultureInfo.InvariantCulture),
        $"{Printable.Duration(node.LastSeen)} ago",
    ];
}
