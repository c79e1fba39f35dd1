using Latchwork.Cli.Output;
using Latchwork.Monitoring;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Latchwork.Cli.Watching;

/// <summary>Shows something that changes: on a terminal it is drawn again every second until the user stops it, else it is printed once.</summary>
internal static class LiveScreen
{
    /// <summary>Shows it.</summary>
    /// <param name="terminal">The outside.</param>
    /// <param name="live">Whether it is drawn again and again.</param>
    /// <param name="printer">Where lines go when it is printed once.</param>
    /// <param name="look">Looks.</param>
    /// <param name="stop">The user stops it, which is its normal end.</param>
    public static async Task ShowAsync(Terminal terminal, bool live, Printer printer, Func<CancellationToken, Task<IEnumerable<ScreenLine>>> look, CancellationToken stop)
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
