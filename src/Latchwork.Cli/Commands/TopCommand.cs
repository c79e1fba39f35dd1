using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Watching;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Commands;

/// <summary><c>top [--once] [--search] [--page]</c></summary>
internal static class TopCommand
{
    public static Option<bool> OnceOption() => new("--once") { Description = "Print it once and end, as is done when the output is no terminal, and with --json." };

    public static Command Create(CommandHost host)
    {
        Option<bool> once = OnceOption();
        var search = new Option<string?>("--search") { Description = "Only namespaces whose name contains this, whatever the case.", HelpName = "text" };
        Option<int?> page = Options.Number("--page", "The page, of 50 namespaces each. Default: 1.", 1, int.MaxValue);
        var command = new Command("top", "Show all namespaces of a store, those most in trouble first, and the store itself; drawn again every second. Exit code 1 if the store does not answer.") { once, search, page };
        command.SetAction((parsed, cancellationToken) =>
        {
            var query = new OverviewQuery(parsed.GetValue(search), parsed.GetValue(page) ?? 1);
            return LiveScreen.RunAsync(host, parsed, parsed.GetValue(once), ns: null, LookAsync, cancellationToken);

            async Task<Screen> LookAsync(StoreMonitor monitor, CancellationToken stop)
            {
                OverviewPage seen = await monitor.GetOverviewAsync(query, stop).ConfigureAwait(false);
                return new Screen(seen.Store, OverviewScreen.Lines(seen, query), json => OverviewScreen.Write(json, seen));
            }
        });
        return command;
    }
}
