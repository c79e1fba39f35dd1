using System.CommandLine;
using System.Text.Json;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;
using Latchwork.Monitoring;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Latchwork.Cli.Watching;

/// <summary>Shows something that changes: on a terminal it is drawn again every second until the user stops it, else it is printed once.</summary>
internal static class LiveScreen
{
    /// <summary>Opens the store that a command names, and shows what is seen of it.</summary>
    /// <param name="host">What the command runs in.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="once">Whether it is printed once also on a terminal.</param>
    /// <param name="ns">The namespace that must be there; null if none need be.</param>
    /// <param name="look">Looks.</param>
    /// <param name="stop">The user stops it, which is its normal end.</param>
    /// <returns>The exit code: whether the store answered the last time.</returns>
    public static async Task<int> RunAsync(
        CommandHost host, ParseResult parsed, bool once, string? ns, Func<StoreMonitor, CancellationToken, Task<Screen>> look, CancellationToken stop)
    {
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await host.OpenStoreAsync(parsed, mustExist: true, stop).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            if (ns is not null) await UnknownNamespace.CheckTimersAsync(store, ns, stop).ConfigureAwait(false);
            var monitor = new StoreMonitor(store);
            await using (monitor.ConfigureAwait(false))
            {
                StoreState? last = null;
                await ShowAsync(host.Terminal, printer.IsInteractive && !once, printer, LookAsync, stop).ConfigureAwait(false);
                return last?.IsAnswering == true ? ExitCodes.Done : ExitCodes.Failure;

                async Task<IEnumerable<ScreenLine>> LookAsync(CancellationToken cancellationToken)
                {
                    Screen screen = await look(monitor, cancellationToken).ConfigureAwait(false);
                    last = screen.Store;
                    printer.Json(screen.Write);
                    return screen.Lines;
                }
            }
        }
    }

    private static async Task ShowAsync(Terminal terminal, bool live, Printer printer, Func<CancellationToken, Task<IEnumerable<ScreenLine>>> look, CancellationToken stop)
    {
        if (!live)
        {
            foreach (ScreenLine line in await look(stop).ConfigureAwait(false)) printer.Text(line.Text);
            return;
        }

        IAnsiConsole console = Consoles.Create(terminal.Out);
        using var second = new PeriodicTimer(StoreMonitor.MaxAge, TimeProvider.System);
        try
        {
            await console.Live(new Text("")).AutoClear(false).Overflow(VerticalOverflow.Crop).StartAsync(async context =>
            {
                do
                {
                    context.UpdateTarget(Draw(console, await look(stop).ConfigureAwait(false)));
                    context.Refresh();
                }
                while (await second.WaitForNextTickAsync(stop).ConfigureAwait(false));
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // What was drawn last stays.
        }
    }

    private static Rows Draw(IAnsiConsole console, IEnumerable<ScreenLine> lines) => new(
        lines.Take(console.Profile.Height - 1).Select(line => (IRenderable)new Text(Cut(line.Text, console.Profile.Width), new Style(Colour(line.Severity)))));

    // A row stays a row.
    private static string Cut(string line, int width) => line.Length < width ? line : line[..(width - 2)] + "…";

    private static Color Colour(Severity severity) => severity switch
    {
        Severity.Critical => Color.Red,
        Severity.Warning => Color.Yellow,
        Severity.Notice => Color.Blue,
        _ => Color.Default,
    };
}

/// <summary>What is seen at one time.</summary>
/// <param name="Store">The store.</param>
/// <param name="Lines">It in lines.</param>
/// <param name="Write">It as JSON.</param>
internal sealed record Screen(StoreState Store, IEnumerable<ScreenLine> Lines, Action<Utf8JsonWriter> Write);
