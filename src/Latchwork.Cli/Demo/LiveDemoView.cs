using System.Globalization;
using System.Runtime.CompilerServices;
using Latchwork.Cli.Output;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Latchwork.Cli.Demo;

/// <summary>Redraws the nodes, the progress and the story of an act ten times a second, and leaves the story behind at the end.</summary>
internal sealed class LiveDemoView : DemoView
{
    private const int BarWidth = 50;

    private static readonly TimeSpan _step = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole _console;

    private LiveDemoView(IAnsiConsole console) => _console = console;

    // On its own, so that Spectre.Console is loaded only when something is drawn.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static LiveDemoView Create(Terminal terminal) => new(Consoles.Create(terminal.Out));

    public override async Task<TResult> WatchAsync<TResult>(IDemoAct<TResult> act)
    {
        Head(act);
        Task<TResult> playing = Task.Run(act.PlayAsync);
        await _console.Live(Draw(act.Picture(), act.Story)).AutoClear(true).StartAsync(async live =>
        {
            while (await Task.WhenAny(playing, Task.Delay(_step, TimeProvider.System)).ConfigureAwait(false) != playing) live.UpdateTarget(Draw(act.Picture(), act.Story));
        }).ConfigureAwait(false);
        foreach (DemoMoment moment in act.Story.Moments) Line(Describe(moment), Tone.Plain);
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

    private static Rows Draw(DemoPicture picture, DemoStory story)
    {
        var table = new Table { Border = TableBorder.None };
        table.AddColumn(new TableColumn("  [grey]node[/]").NoWrap());
        table.AddColumn(new TableColumn("[grey]state[/]").Width(10));
        foreach (string header in picture.Counts) table.AddColumn(new TableColumn($"[grey]{header}[/]").RightAligned().Width(9));
        foreach (DemoNode node in picture.Nodes)
        {
            string color = node.IsKilled ? "red" : "green";
            string[] counts = [.. node.Counts.Select(count => count is { } known ? Number(known) : "")];
            table.AddRow([$"  [bold]{node.Name}[/]", $"[{color}]{node.State}[/]", .. counts]);
        }

        double part = picture.Total == 0 ? 0 : (double)picture.Done / picture.Total;
        int filled = (int)(Math.Min(1, part) * BarWidth);
        var lines = new List<IRenderable>
        {
            table,
            new Text(""),
            new Markup($"  [green]{new string('━', filled)}[/][grey]{new string('━', BarWidth - filled)}[/] {Number(picture.Done)} of {Number(picture.Total)} {picture.Progress}"),
            new Text(""),
        };
        lines.AddRange(story.Moments.Select(moment => new Text(Describe(moment))));
        lines.Add(new Markup(string.Create(CultureInfo.InvariantCulture, $"  [grey]{story.Elapsed.TotalSeconds,5:0.0} s[/]")));
        return new Rows(lines);
    }

    private static string Number(int number) => Printable.Count(number);
}
