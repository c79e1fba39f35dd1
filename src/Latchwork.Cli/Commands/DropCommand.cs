using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;
using Latchwork.Storage;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer drop NAMESPACE [--force]</c></summary>
internal static class DropCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> ns = Options.NamespaceArgument("The namespace.");
        var force = new Option<bool>("--force") { Description = "Drop it although it holds events: they are deleted for good, dead letters included." };
        var command = new Command("drop", "Drop a namespace of timers. No listener may be joined to it.") { ns, force };
        command.SetAction((parsed, cancellationToken) => RunAsync(host, parsed, parsed.GetRequiredValue(ns), parsed.GetValue(force), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(CommandHost host, ParseResult parsed, string ns, bool force, CancellationToken cancellationToken)
    {
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await host.OpenStoreAsync(parsed, mustExist: true, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            if (store.Maintenance is not { } maintenance) throw new CliException(ExitCodes.BadInput, $"{store.Description} ends with this process, and nothing of it can be dropped; name another store with --store");
            NamespaceDrop drop = await maintenance.DropTimersAsync(ns, force, cancellationToken).ConfigureAwait(false)
                ?? throw UnknownNamespace.Refusal(store, "timer", ns, await store.Timers.NamespacesAsync(cancellationToken).ConfigureAwait(false), "'latchwork timer post' makes one");
            if (!drop.IsDropped) throw new CliException(ExitCodes.Conflict, Explain(ns, drop));
            printer.Result(
                json =>
                {
                    json.WriteString("namespace", ns);
                    json.WriteNumber("dropped", drop.Events);
                },
                () => Printable.OneLine($"{ns}: dropped{(drop.Events > 0 ? $" with {Printable.Count(drop.Events)} events" : "")}"));
            return ExitCodes.Done;
        }
    }

    private static string Explain(string ns, NamespaceDrop drop) => drop.Listeners.Count > 0
        ? $"'{ns}' cannot be dropped while nodes listen: {string.Join(", ", drop.Listeners.Select(static node => $"'{node}'"))}. Stop them first; nothing was changed"
        : $"'{ns}' holds {Printable.Count(drop.Events)} events ('latchwork timer stats -n {ns}' counts them); nothing was changed. --force deletes them, too";
}
