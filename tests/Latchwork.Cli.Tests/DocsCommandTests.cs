using System.Text.RegularExpressions;
using Latchwork.Cli.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>
/// Every command of the tool in docs/ runs as it is written: with the exit code that the page shows or else 0, and with the output that it shows
/// but for numbers, times and names of nodes. Only places are exchanged: the server, and files outside the reader's own folders.
/// </summary>
public sealed partial class DocsCommandTests(RedisFixture redis) : IClassFixture<RedisFixture>, IDisposable
{
    private readonly Shell _shell = new();

    /// <summary>The pages with commands of the tool, but for those at the root: they name commands, also such as are gone.</summary>
    public static TheoryData<string> Pages =>
        [.. Docs.Pages().Where(static page => page.Contains('/', StringComparison.Ordinal)).Where(static page => Blocks(page).Any(static block => block.Any(static line => line.IsCommand)) || Inline(page).Any())];

    public void Dispose() => _shell.Dispose();

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task The_commands_of_a_page_do_what_it_shows(string page)
    {
        await using Shell.Running holder = _shell.Start("latchwork once report -- sleep 600");
        await PrepareAsync();
        await using var running = new RunningCommands();
        foreach ((string command, string[] shown) in Blocks(page).SelectMany(Commands))
        {
            if (command == "latchwork demo") continue;              // It has tests of its own.
            if (command == "latchwork timer listen")
            {
                running.Add(_shell.Start(command), shown);
                continue;
            }

            (int exitCode, string output) = await _shell.RunAsync(Here(command));
            exitCode.ShouldBe(0, $"{command}\n{output}");
            if (shown.Length > 0) Masked(output).ShouldBe(Masked(string.Join('\n', shown)), command);
        }

        foreach (string command in Inline(page))
        {
            (int exitCode, string output) = await _shell.RunAsync(Here(command));
            exitCode.ShouldBe(0, $"{command}\n{output}");
        }

        // What was posted is due now, and comes to whoever the page lets listen.
        if (running.Any) (await _shell.RunAsync("latchwork timer delay order-42 0s")).ExitCode.ShouldBe(0);
        await running.ShowAsync();
    }

    [Fact]
    public void Commands_are_found_with_what_they_print_and_without_their_comments()
    {
        Line[] block = [.. "$ latchwork a --b\nprinted\n\nlatchwork c   # a comment\n$ other".Split('\n').Select(static line => new Line(line))];

        Commands(block).Select(static found => (found.Command, string.Join('|', found.Shown))).ShouldBe([("latchwork a --b", "printed|"), ("latchwork c   # a comment", "")]);
        Masked("order-42  47 ms late, 29m 54s, {\"node\":\"vm-1-a\",\"n\":12}").ShouldBe(Masked("order-7  1,402.1 s late, 30m, {\"node\":\"x\",\"n\":3}"));
        Masked("order-42: created").ShouldNotBe(Masked("order-42: replaced"));
    }

    // What the pages take for granted: something to move and to examine, a script, and a key that somebody holds.
    private async Task PrepareAsync()
    {
        _shell.Write("nightly.sh", "#!/bin/sh\necho done\n");
        foreach (string command in new[]
        {
            $"latchwork timer post --in 1h --store sqlite:{_shell["moved.db"]}",
            $"latchwork timer post --in 1h --namespace orders --store {redis.Server.LenientUri}",
        })
        {
            (int exitCode, string output) = await _shell.RunAsync(command);
            exitCode.ShouldBe(0, output);
        }

        await Eventually.ReadsAsync(
            async () => (await _shell.RunAsync("latchwork lock list --json")).Output, static keys => keys.Contains("report", StringComparison.Ordinal), "the key is held", TimeSpan.FromMinutes(1));
    }

    // A reader's machine may stall for seconds; what a page shows as due soon is due later here.
    private string Here(string command) => command
        .Replace("redis://redis.internal:6379/0", redis.Server.LenientUri, StringComparison.Ordinal)
        .Replace("sqlite:/var/lib/app/latchwork.db", $"sqlite:{_shell["moved.db"]}", StringComparison.Ordinal)
        .Replace("--in 2s", "--in 1h", StringComparison.Ordinal);

    private static IEnumerable<Line[]> Blocks(string page) =>
        Docs.Blocks(File.ReadAllText(Docs.PathTo(page)), "").Select(static block => block.TrimEnd('\n').Split('\n').Select(static line => new Line(line)).ToArray());

    // Commands in the text that name a store are meant to be typed; others are names of commands.
    private static IEnumerable<string> Inline(string page) => InlineCommand().Matches(Docs.WithoutBlocks(File.ReadAllText(Docs.PathTo(page))))
        .Select(static command => command.Groups[1].Value.ReplaceLineEndings(" "))
        .Where(static command => !Placeholder().IsMatch(command) && command.Contains(" --store ", StringComparison.Ordinal));

    private static IEnumerable<(string Command, string[] Shown)> Commands(Line[] block)
    {
        for (int i = 0; i < block.Length; i++)
        {
            if (!block[i].IsCommand) continue;
            string[] shown = block[i].Prompted ? [.. block.Skip(i + 1).TakeWhile(static line => !line.Prompted && !line.IsCommand).Select(static line => line.Text)] : [];
            yield return (block[i].Command, shown);
        }
    }

    private static string Masked(string output) =>
        Number().Replace(Span().Replace(Node().Replace(output.TrimEnd('\n'), "\"node\":\"…\""), "‹span›"), "‹number›");

    [GeneratedRegex("\"node\":\"[^\"]*\"")]
    private static partial Regex Node();

    [GeneratedRegex(@"\b\d[\d.,]* ?(ms|s|m|h|d)\b( \d+(ms|s|m|h)\b)*")]
    private static partial Regex Span();

    [GeneratedRegex(@"\d[\d.,:TZ-]*")]
    private static partial Regex Number();

    [GeneratedRegex("`(latchwork [^`]+)`")]
    private static partial Regex InlineCommand();

    [GeneratedRegex(@"…|\b(URI|PATH|KEY|NAMESPACE|COMMAND|N)\b|user:password")]
    private static partial Regex Placeholder();

    /// <summary>A line of a block.</summary>
    private sealed record Line(string Text)
    {
        public bool Prompted => Text.StartsWith("$ ", StringComparison.Ordinal);

        public string Command => Prompted ? Text[2..] : Text;

        public bool IsCommand => Command.StartsWith("latchwork ", StringComparison.Ordinal);
    }

    /// <summary>Commands that run until they are stopped, and what they are to show before.</summary>
    private sealed class RunningCommands : IAsyncDisposable
    {
        private readonly List<(Shell.Running Command, string[] Shown)> _commands = [];

        public bool Any => _commands.Count > 0;

        public void Add(Shell.Running command, string[] shown) => _commands.Add((command, shown));

        public async Task ShowAsync()
        {
            foreach ((Shell.Running command, string[] shown) in _commands)
                await Eventually.HoldsAsync(() => shown.All(line => Masked(command.Output).Contains(Masked(line), StringComparison.Ordinal)), "the listener shows its event", TimeSpan.FromMinutes(1));
        }

        public async ValueTask DisposeAsync()
        {
            foreach ((Shell.Running command, _) in _commands) await command.DisposeAsync();
        }
    }
}
