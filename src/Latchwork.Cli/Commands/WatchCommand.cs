using System.CommandLine;
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
        command.SetAction((parsed, cancellationToken) =>
        {
            string name = parsed.GetValue(ns) ?? parsed.GetValue(host.Globals.Namespace) ?? TimerOptions.DefaultNamespace;
            return LiveScreen.RunAsync(host, parsed, parsed.GetValue(once), name, LookAsync, cancellationToken);

            async Task<Screen> LookAsync(StoreMonitor monitor, CancellationToken stop)
            {
                NamespaceView seen = await monitor.GetNamespaceAsync(name, stop).ConfigureAwait(false);
                return new Screen(seen.Store, NamespaceScreen.Lines(seen, name), json => NamespaceScreen.Write(json, seen));
            }
        });
        return command;
    }
}
