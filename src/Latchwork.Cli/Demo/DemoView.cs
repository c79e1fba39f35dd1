using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary>How a line is shown on a terminal. Elsewhere it is plain.</summary>
internal enum Tone
{
    Plain,
    Dim,
    Strong,
    Good,
    Bad,
}

/// <summary>Shows a demo while it runs, and prints lines after it.</summary>
internal abstract class DemoView
{
    /// <summary>The view that fits: live on a terminal, line by line elsewhere, silent for JSON.</summary>
    public static DemoView Create(Printer printer, Terminal terminal)
    {
        if (printer.IsJson) return new SilentDemoView();
        return printer.IsInteractive ? LiveDemoView.Create(terminal) : new PlainDemoView(printer);
    }

    /// <summary>Shows the run until it ends.</summary>
    public abstract Task<DemoResult> WatchAsync(DemoRun run);

    /// <summary>Prints a line.</summary>
    public abstract void Line(string text, Tone tone);

    protected static string Title(DemoRun run) => $"latchwork demo on {run.StoreName}";

    protected static string Describe(DemoMoment moment) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"  {moment.At.TotalSeconds,5:0.0} s  {moment.Text}");
}

/// <summary>Says nothing.</summary>
internal sealed class SilentDemoView : DemoView
{
    public override Task<DemoResult> WatchAsync(DemoRun run) => run.PlayAsync();

    public override void Line(string text, Tone tone)
    {
        // The one JSON object at the end says it all.
    }
}

/// <summary>Prints what happens as it happens.</summary>
internal sealed class PlainDemoView : DemoView
{
    private readonly Printer _printer;

    public PlainDemoView(Printer printer) => _printer = printer;

    public override async Task<DemoResult> WatchAsync(DemoRun run)
    {
        Line(Title(run), Tone.Strong);
        Line("", Tone.Plain);
        run.Ledger.Happened += moment => Line(Describe(moment), Tone.Plain);
        return await run.PlayAsync().ConfigureAwait(false);
    }

    public override void Line(string text, Tone tone)
    {
        _printer.Text(text);
        _printer.Flush();
    }
}
