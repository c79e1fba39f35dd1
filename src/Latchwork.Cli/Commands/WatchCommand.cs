using System.CommandLine;
using Latchwork.Cli.Output;
using Latchwork.Cli.Watching;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer watch NAMESPACE [--once]</c></summary>
internal static class WatchCommand
{
    public static Command Create(CommandHost host)
    {
        var ns = new Argument<string?>("namespace") { Description = "The namespace. Default: that of --namespace.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> once = TopCommand.OnceOption();
        var command = new Command("watch", "Show a namespace: its counts, what comes due and who listens; drawn again every second.") { ns, once };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string name = parsed.GetValue(ns) ?? parsed.GetValue(host.Globals.Namespace) ?? TimerOptions.DefaultNamespace;
            Printer printer = host.CreatePrinter(parsed);
            LatchworkStore store = await host.OpenStoreAsync(parsed, mustExist: true, cancellationToken).ConfigureAwait(false);
            await using (store.ConfigureAwait(false))
            {
                await UnknownNamespace.CheckTimersAsync(store, name, cancellationToken).ConfigureAwait(false);
                var monitor = new StoreMonitor(store);
                await using (monitor.ConfigureAwait(false))
                {
                    NamespaceView? last = null;
                    await LiveScreen.ShowAsync(host.Terminal, printer.IsInteractive && !parsed.GetValue(once), printer, LookAsync, cancellationToken).ConfigureAwait(false);
                    return last?.Store.IsAnswering == true ? ExitCodes.Done : ExitCodes.Failure;

                    async Task<IEnumerable<ScreenLine>> LookAsync(CancellationToken stop)
                    {
                        NamespaceView seen = last = await monitor.GetNamespaceAsync(name, stop).ConfigureAwait(false);
                        printer.Json(json => NamespaceScreen.Write(json, seen));
                        return NamespaceScreen.Lines(seen, name);
                    }
                }
            }
        });
        return command;
    }
}
