using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer repartition NAMESPACE --to N</c></summary>
internal static class RepartitionCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> ns = Options.NamespaceArgument("The namespace.");
        var to = new Option<int>("--to") { Description = "The number of partitions: 1 to 1024.", HelpName = "number", Required = true };
        var command = new Command(
            "repartition",
            "Change the number of partitions of a namespace on Redis, without loss. No listener may be joined; clients are refused meanwhile, and afterwards until "
            + "they say the new number (?partitions=N). Interrupted, run it again: it continues; with the former number it turns back.")
        {
            ns,
            to,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(host, parsed, parsed.GetRequiredValue(ns), parsed.GetRequiredValue(to), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(CommandHost host, ParseResult parsed, string ns, int to, CancellationToken cancellationToken)
    {
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await host.OpenStoreAsync(parsed, mustExist: true, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            PartitionChange change = await ChangeAsync(store, ns, to, cancellationToken).ConfigureAwait(false)
                ?? throw UnknownNamespace.Refusal(store, "timer", ns, await store.Timers.NamespacesAsync(cancellationToken).ConfigureAwait(false), "'latchwork timer post' makes one");
            if (change.Obstacle is { } obstacle) throw new CliException(ExitCodes.Conflict, obstacle);

            printer.Result(
                json =>
                {
                    json.WriteString("namespace", ns);
                    json.WriteNumber("from", change.From);
                    json.WriteNumber("to", change.To);
                    json.WriteNumber("moved", change.Moved);
                },
                () => Printable.OneLine(change.From == change.To
                    ? $"{ns}: has {change.To} partitions already"
                    : $"{ns}: {change.To} partitions (were {change.From}), {Printable.Count(change.Moved)} events moved; clients need '?partitions={change.To}' from now on"));
            foreach (string id in change.Doubled) printer.Warn($"'{id}' was in two partitions; the one in the right partition was kept");
            return ExitCodes.Done;
        }
    }

    private static async Task<PartitionChange?> ChangeAsync(LatchworkStore store, string ns, int to, CancellationToken cancellationToken)
    {
        try
        {
            IStoreMaintenance maintenance = store.Maintenance ?? throw MaintenanceRules.OnePartition(store.Description);
            return await maintenance.RepartitionAsync(ns, to, null, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new CliException(ExitCodes.Interrupted, "interrupted: run the same command again to continue", e);
        }
        catch (NotSupportedException e)
        {
            throw new CliException(ExitCodes.BadInput, e.Message, e);
        }
        catch (LatchworkStoreException e)
        {
            throw new CliException(ExitCodes.Failure, $"{e.Message} Run the same command again to continue.", e);
        }
    }
}
