using System.Globalization;
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

/// <summary>Shows the acts of a demo while they play, and prints lines between them.</summary>
internal abstract class DemoView
{
    /// <summary>The view that fits: live on a terminal, line by line elsewhere, silent for JSON.</summary>
    public static DemoView Create(Printer printer, Terminal terminal)
    {
        if (printer.IsJson) return new SilentDemoView();
        return printer.IsInteractive ? LiveDemoView.Create(terminal) : new PlainDemoView(printer);
    }

    /// <summary>Shows an act until it ends.</summary>
    public abstract Task<TResult> WatchAsync<TResult>(IDemoAct<TResult> act);

    /// <summary>Prints a line.</summary>
    public abstract void Line(string text, Tone tone);

    /// <summary>Prints the title of an act.</summary>
    protected void Head<TResult>(IDemoAct<TResult> act)
    {
        Line("", Tone.Plain);
        Line(act.Title, Tone.Strong);
        Line("", Tone.Plain);
    }

    protected static string Describe(DemoMoment moment) => string.Create(CultureInfo.InvariantCulture, $"  {moment.At.TotalSeconds,5:0.0} s  {moment.Text}");
}

/// <summary>Says nothing.</summary>
internal sealed class SilentDemoView : DemoView
{
    public override Task<TResult> WatchAsync<TResult>(IDemoAct<TResult> act) => act.PlayAsync();

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

    public override async Task<TResult> WatchAsync<TResult>(IDemoAct<TResult> act)
    {
        Head(act);
        act.Story.Happened += moment => Line(Describe(moment), Tone.Plain);
        return await act.PlayAsync().ConfigureAwait(false);
    }

    public override void Line(string text, Tone tone)
    {
        _printer.Text(text);
        _printer.Flush();
    }
}
