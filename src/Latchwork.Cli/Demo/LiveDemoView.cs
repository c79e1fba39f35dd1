using System.Globalization;
using System.Runtime.CompilerServices;
using Latchwork.Cli.Output;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Latchwork.Cli.Demo;

/// <summary>Redraws the three listeners, the progress and the story ten times a second, and leaves the story behind at the end.</summary>
internal sealed class LiveDemoView : DemoView
{
    private const int BarWidth = 50;

    private static readonly TimeSpan _step = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole _console;

    private LiveDemoView(IAnsiConsole console) => _console = console;

    // On its own, so that Spectre.Console is loaded only when something is drawn.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static LiveDemoView Create(Terminal terminal) => new(Consoles.Create(terminal.Out));

    public override async Task<DemoResult> WatchAsync(DemoRun run)
    {
        Line(Title(run), Tone.Strong);
        Line("", Tone.Plain);
        Task<DemoResult> playing = Task.Run(run.PlayAsync);
        await _console.Live(Draw(run)).AutoClear(true).StartAsync(async live =>
        {
            while (await Task.WhenAny(playing, Task.Delay(_step, TimeProvider.System)).ConfigureAwait(false) != playing) live.UpdateTarget(Draw(run));
        }).ConfigureAwait(false);
        foreach (DemoMoment moment in run.Ledger.Story) Line(Describe(moment), Tone.Plain);
        return await playing.ConfigureAwait(false);
    }

    public override void Line(string text, Tone tone)
    {
        string markup = Markup.Escape(text);
        string? style = tone switch
        {
            Tone.Dim => "grey",
            Tone.Strong => "bold",
            Tone.Good => "green",
            Tone.Bad => "red",
            _ => null,
        };
        _console.MarkupLine(style is null ? markup : $"[{style}]{markup}[/]");
    }

    private static Rows Draw(DemoRun run)
    {
        var table = new Table { Border = TableBorder.None };
        table.AddColumn(new TableColumn("  [grey]listener[/]").NoWrap());
        table.AddColumn(new TableColumn("[grey]state[/]").Width(10));
        foreach (string header in (string[])["in hand", "handled", "failed"]) table.AddColumn(new TableColumn($"[grey]{header}[/]").RightAligned().Width(9));
        foreach (DemoListener listener in run.Listeners)
        {
            table.AddRow(
                $"  [bold]{listener.Name}[/]",
                listener.IsKilled ? "[red]killed[/]" : "[green]listening[/]",
                listener.IsKilled ? "" : Number(listener.InHand),
                Number(listener.Handled),
                Number(listener.Failed));
        }

        DemoLedger ledger = run.Ledger;
        double part = ledger.Events.Count == 0 ? 0 : (double)ledger.Settled / ledger.Events.Count;
        int filled = (int)(part * BarWidth);
        var lines = new List<IRenderable>
        {
            table,
            new Text(""),
            new Markup($"  [green]{new string('━', filled)}[/][grey]{new string('━', BarWidth - filled)}[/] {Number(ledger.Settled)} of {Number(ledger.Events.Count)} settled"),
            new Text(""),
        };
        lines.AddRange(ledger.Story.Select(moment => new Text(Describe(moment))));
        lines.Add(new Markup(string.Create(CultureInfo.InvariantCulture, $"  [grey]{ledger.Elapsed.TotalSeconds,5:0.0} s[/]")));
        return new Rows(lines);
    }

    private static string Number(int number) => Printable.Count(number);
}
