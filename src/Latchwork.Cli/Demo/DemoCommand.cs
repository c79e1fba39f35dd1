using System.CommandLine;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary><c>demo</c>: three listeners, thousands of events, failures, a kill, and a summary that is checked.</summary>
internal static class DemoCommand
{
    private const string DefaultStore = "memory:";

    public static Command Create(CommandHost host)
    {
        var command = new Command(
            "demo",
            "See it work: three listeners, 3,000 events, failures and a kill, in about ten seconds. "
            + "Runs in memory unless --store is given (LATCHWORK_STORE is not used); in a store it cleans up behind itself.");
        command.Validators.Add(result =>
        {
            if (result.GetResult(host.Globals.Namespace) is not null) result.AddError("'--namespace' is not for the demo: it makes one of its own");
        });
        command.SetAction((parsed, stop) => RunAsync(host, parsed.GetValue(host.Globals.Store) ?? DefaultStore, host.CreatePrinter(parsed), stop));
        return command;
    }

    private static async Task<int> RunAsync(CommandHost host, string address, Printer printer, CancellationToken stop)
    {
        var run = new DemoRun(await OpenStoresAsync(address, stop).ConfigureAwait(false), stop);
        await using (run.ConfigureAwait(false))
        {
            DemoView view = DemoView.Create(printer, host.Terminal);
            DemoResult result = await view.WatchAsync(run).ConfigureAwait(false);
            DemoReport.Write(printer, view.Line, result);
            if (result.AllHold) return ExitCodes.Done;
            DemoClaim broken = result.Claims.First(c => !c.Holds);
            printer.Fail($"the demo's claim does not hold: {broken.Text}: {broken.Problems[0]}");
            return ExitCodes.Failure;
        }
    }

    // The poster's store, then one for each listener. In memory they share one; elsewhere each has a connection of its own.
    private static async Task<IReadOnlyList<LatchworkStore>> OpenStoresAsync(string address, CancellationToken stop)
    {
        var stores = new List<LatchworkStore>();
        for (int i = 0; i <= DemoPlan.Listeners.Length; i++)
        {
            bool share = i > 0 && StoreResolver.IsMemory(address);
            stores.Add(share ? stores[0] : await StoreResolver.OpenAsync(address, stop).ConfigureAwait(false));
        }

        return stores;
    }
}
