using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>Standard output that is closed, full or read by nobody costs no event anything, and a closed standard error ends nothing.</summary>
public sealed class UnwritableOutputTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string[] Store => ["--store", $"sqlite:{_scratch["latchwork.db"]}"];

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(">&-", "3", "standard output is closed, so nothing was done")]
    [InlineData("1</dev/null", "3", "standard output is not open for writing, so nothing was done")]
    [InlineData(">/dev/full", "1", "standard output cannot be written: No space left on device, so listening ended; 1 that could not be printed was handed back, with no retry spent")]
    [InlineData(">/dev/full", "3", "standard output cannot be written: No space left on device, so listening ended; ")] // how many handlers had begun by then is chance
    public async Task Listening_takes_no_event_that_it_cannot_print(string redirection, string maxInFlight, string message)
    {
        await PostAsync("a", "b", "c");
        await using CliProcess listener = CliProcess.StartRedirected(redirection, ["timer", "listen", "--count", "3", "--max-in-flight", maxInFlight, .. Store]);
        (await listener.ExitsAsync()).ShouldBe(ExitCodes.Failure, listener.Error);
        listener.Error.ShouldContain(message);
        if (redirection == ">/dev/full") listener.Error.ShouldContain("handed back, with no retry spent");
        foreach (string id in (string[])["a", "b", "c"]) await IsScheduledUnspentAsync(id);
    }

    [Fact]
    public async Task A_reader_that_has_enough_costs_the_next_event_nothing()
    {
        await PostAsync("a");
        await using CliProcess pipe = CliProcess.StartInto("head -1", ["timer", "listen", .. Store]);
        await pipe.PrintsAsync(1);
        await PostAsync("b", "c");
        (await pipe.ExitsAsync()).ShouldBe(0);
        foreach (string id in (string[])["b", "c"]) await IsScheduledUnspentAsync(id);
    }

    [Theory]
    [InlineData("timer post --in 1h --id new")]
    [InlineData("timer cancel a")]
    [InlineData("timer dead-letters purge --all")]
    [InlineData("once k -- false")]
    public async Task Nothing_is_changed_of_which_nobody_could_be_told(string commandLine)
    {
        await PostAsync("a");
        string[] words = commandLine.Split(' ');
        int end = Array.IndexOf(words, "--") is >= 0 and int dashes ? dashes : words.Length;
        await using CliProcess tool = CliProcess.StartRedirected(">&-", [.. words[..end], .. Store, .. words[end..]]);
        (await tool.ExitsAsync()).ShouldBe(ExitCodes.Failure);
        tool.Error.ShouldContain("standard output is closed, so nothing was done");
        JsonElement stats = (await Tool.RunAsync(["timer", "stats", "--json", .. Store])).ReadJson();
        stats.GetProperty("scheduled").GetInt32().ShouldBe(1);
    }

    [Theory]
    [InlineData("2>&-", "timer peek nobody", ExitCodes.NotFound)]
    [InlineData("2>/dev/full", "timer peek nobody", ExitCodes.NotFound)]
    [InlineData("2>&-", "timer nonsense", ExitCodes.BadInput)]
    [InlineData("2>&-", "timer listen --count 1", ExitCodes.Done)]
    [InlineData("2>/dev/full", "timer listen --count 1", ExitCodes.Done)]
    public async Task Nothing_ends_because_of_standard_error(string redirection, string commandLine, int exitCode)
    {
        await PostAsync("a");
        await using CliProcess tool = CliProcess.StartRedirected(redirection, [.. commandLine.Split(' '), .. Store]);
        (await tool.ExitsAsync()).ShouldBe(exitCode);
    }

    [Fact]
    public async Task No_command_is_run_for_an_event_that_could_not_be_printed()
    {
        await PostAsync("a");
        await using CliProcess listener = CliProcess.StartRedirected(">/dev/full", ["timer", "listen", "--exec", $"echo run >> {_scratch["runs"]}", .. Store]);
        (await listener.ExitsAsync()).ShouldBe(ExitCodes.Failure, listener.Error);
        _scratch.Lines("runs").ShouldBeEmpty();
        await IsScheduledUnspentAsync("a");
    }

    [Fact]
    public async Task A_command_whose_output_cannot_be_passed_on_has_done_its_work_and_is_the_last()
    {
        await PostAsync("a", "b");
        string script = $"echo run >> {_scratch["runs"]}; seq 100000"; // more than the pipe holds, so that it is still printing when the reader has gone
        await using CliProcess pipe = CliProcess.StartInto("head -1", ["timer", "listen", "--exec", script, "--max-in-flight", "1", .. Store]);
        (await pipe.ExitsAsync()).ShouldBe(0, pipe.Error);
        _scratch.Lines("runs").ShouldBe(["run"]);
        JsonElement stats = (await Tool.RunAsync(["timer", "stats", "--json", .. Store])).ReadJson();
        stats.GetProperty("scheduled").GetInt32().ShouldBe(1, "the one whose command succeeded was confirmed, and the other not begun");
        stats.GetProperty("deadLetters").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Ctrl_C_is_exit_code_130_and_SIGTERM_lets_a_listener_end_well()
    {
        await PostAsync("a");
        foreach ((bool interrupt, int exitCode) in ((bool, int)[])[(true, ExitCodes.Interrupted), (false, ExitCodes.Done)])
        {
            await using CliProcess listener = CliProcess.Start(["timer", "listen", .. Store]);
            await Eventually.HoldsAsync(() => listener.Error.Contains("listening to", StringComparison.Ordinal), "it listens");
            if (interrupt) listener.Interrupt();
            else listener.Terminate();
            (await listener.ExitsAsync()).ShouldBe(exitCode, listener.Error);
        }
    }

    [Fact]
    public async Task Ctrl_C_stops_a_command_that_runs_once_with_exit_code_130()
    {
        await using CliProcess once = CliProcess.Start(["once", "k", .. Store, "--", "sh", "-c", $"echo run >> {_scratch["runs"]}; {_scratch.WaitFor("never")}"]);
        await _scratch.HasLinesAsync("runs", 1);
        once.Interrupt();
        (await once.ExitsAsync()).ShouldBe(ExitCodes.Interrupted, once.Error);
    }

    private async Task PostAsync(params string[] ids)
    {
        foreach (string id in ids)
        {
            (await Tool.RunAsync(["timer", "post", "--id", id, "--in", "0s", "--data", "1", "--max-retries", "0", .. Store])).ExitCode.ShouldBe(ExitCodes.Done);
        }
    }

    private async Task IsScheduledUnspentAsync(string id)
    {
        JsonElement seen = (await Tool.RunAsync(["timer", "peek", id, "--json", .. Store])).ReadJson();
        seen.GetProperty("state").GetString().ShouldBe("scheduled");
        seen.GetProperty("retries").GetInt32().ShouldBe(0);
    }
}
