using System.CommandLine;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer namespaces</c></summary>
internal static class NamespacesCommand
{
    public static Command Create(CommandHost host)
    {
        var command = new Command("namespaces", "List the namespaces of the store.");
        host.OnLook(command, async (_, session) =>
        {
            IReadOnlyList<string> namespaces = await session.Store.Timers.NamespacesAsync(session.Stop).ConfigureAwait(false);
            foreach (string ns in namespaces)
            {
                session.Printer.Result(json => json.WriteString("namespace", ns), () => Printable.OneLine(ns));
            }

            if (namespaces.Count == 0) session.Printer.Text("there are none yet");
            return ExitCodes.Done;
        },
        ofAllNamespaces: static _ => true);
        return command;
    }
}
