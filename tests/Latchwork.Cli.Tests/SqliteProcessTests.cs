using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>Every command about timers and keys on one SQLite file: each step is a process of its own, or this one.</summary>
public sealed class SqliteProcessTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string[] Store => ["--store", $"sqlite:{_scratch["latchwork.db"]}"];

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task What_one_process_schedules_the_others_see_and_change()
    {
        await OutputsAsync("{\"id\":\"x\",\"outcome\":\"created\"}\n", "timer", "post", "--id", "x", "--in", "1h", "--data", "1");
        (await InProcessAsync("timer", "post", "--id", "y", "--in", "2h")).ExitCode.ShouldBe(ExitCodes.Done);
        Text(await ElsewhereAsync("timer", "peek", "x"), "state").ShouldBe("scheduled");
        (await ElsewhereAsync("timer", "upcoming")).Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).ShouldBe(["x", "y"]);
        await OutputsAsync("{\"id\":\"x\",\"outcome\":\"done\"}\n", "timer", "delay", "x", "3h");
        (await InProcessAsync("timer", "peek", "x")).ReadJson().GetProperty("dueInMs").GetInt64().ShouldBeGreaterThan(7_200_000);
        await OutputsAsync("{\"id\":\"y\",\"outcome\":\"done\"}\n", "timer", "cancel", "y");
        (await InProcessAsync("timer", "peek", "y")).ExitCode.ShouldBe(ExitCodes.NotFound);
        await OutputsAsync("{\"namespace\":\"dt\"}\n", "timer", "namespaces");
        (await ElsewhereAsync("timer", "stats")).ReadJson().GetProperty("scheduled").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task A_listener_hears_of_another_processs_posts_and_hands_its_events_on_when_it_is_killed()
    {
        await using CliProcess victim = Start("timer", "listen", "--node", "one", "--no-confirm", "--lease", "10m");
        await Eventually.ReadsAsync(() => ElsewhereAsync("timer", "nodes"), nodes => nodes.Out.Contains("\"listening\"", StringComparison.Ordinal), "it listens");
        (await InProcessAsync("timer", "post", "--id", "x", "--in", "0s", "--data", "1")).ExitCode.ShouldBe(ExitCodes.Done);
        await victim.PrintsAsync(1);
        victim.Kill();
        await victim.ExitsAsync();

        string token = Text(await ElsewhereAsync("timer", "peek", "x"), "token");
        token.ShouldBe(victim.Json[0].GetProperty("token").GetString());
        await OutputsAsync("{\"id\":\"x\",\"outcome\":\"done\"}\n", "timer", "confirm", "x", "--token", token);
        (await InProcessAsync("timer", "peek", "x")).ExitCode.ShouldBe(ExitCodes.NotFound);

        (await InProcessAsync("timer", "post", "--id", "y", "--in", "0s", "--data", "1", "--max-retries", "0")).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult failed = await ElsewhereAsync("timer", "listen", "--count", "1", "--lease", "10m", "--exec", "exit 3");
        failed.ExitCode.ShouldBe(ExitCodes.Done, failed.Error);
        Text(await ElsewhereAsync("timer", "dead", "list"), "reason").ShouldBe("retriesExhausted");
        await OutputsAsync("{\"id\":\"y\",\"outcome\":\"done\"}\n", "timer", "dead", "requeue", "y", "--in", "1h");
        await OutputsAsync("{\"purged\":0}\n", "timer", "dead", "purge", "--all");
    }

    [Fact]
    public async Task A_file_of_events_is_posted_and_its_listener_gets_them()
    {
        await File.WriteAllLinesAsync(_scratch["events"], Enumerable.Range(0, 100).Select(i => $"{{\"id\":\"e{i}\",\"inMs\":0,\"data\":{i}}}"));
        (await ElsewhereAsync("timer", "post", "--from", _scratch["events"])).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult listened = await ElsewhereAsync("timer", "listen", "--count", "100", "--lease", "10m");
        listened.ExitCode.ShouldBe(ExitCodes.Done, listened.Error);
        listened.Lines.Length.ShouldBe(100);
        (await InProcessAsync("timer", "stats")).ReadJson().GetProperty("inFlight").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Of_two_processes_one_runs_the_command_and_both_print_the_same()
    {
        string script = $"echo run >> {_scratch["runs"]}; {_scratch.WaitFor("go")}; echo done; exit 3";
        string[] once = ["once", "k", "--lease", "10m", .. Store, "--", "sh", "-c", script];
        await using OnceProcess one = OnceProcess.Start(once);
        await _scratch.HasLinesAsync("runs", 1);
        await using OnceProcess two = OnceProcess.Start(once);
        JsonElement locked = (await ElsewhereAsync("lock", "list")).ReadJson();
        locked.GetProperty("key").GetString().ShouldBe("k");
        locked.GetProperty("locked").GetBoolean().ShouldBeTrue();
        _scratch.Create("go");
        (await one.EndsAsync()).ShouldBe(new CliResult(3, "done\n", ""));
        (await two.EndsAsync()).ShouldBe(new CliResult(3, "done\n", ""));
        _scratch.Lines("runs").Length.ShouldBe(1);

        (await ElsewhereAsync("lock", "show", "k")).ReadJson().GetProperty("exitCode").GetInt32().ShouldBe(3);
        await OutputsAsync("{\"key\":\"k\",\"outcome\":\"forgotten\"}\n", "lock", "forget", "k");
        (await InProcessAsync("lock", "show", "k")).ReadJson().TryGetProperty("exitCode", out _).ShouldBeFalse();
    }

    private static string Text(CliResult result, string property) => result.ReadJson().GetProperty(property).GetString()!;

    private CliProcess Start(params string[] args) => CliProcess.Start([.. Store, "--json", .. args]);

    private Task<CliResult> InProcessAsync(params string[] args) => Tool.RunAsync([.. Store, "--json", .. args]);

    private async Task<CliResult> ElsewhereAsync(params string[] args)
    {
        await using OnceProcess process = OnceProcess.Start([.. Store, "--json", .. args]);
        return await process.EndsAsync();
    }

    private async Task OutputsAsync(string output, params string[] args) => (await ElsewhereAsync(args)).ShouldBe(new CliResult(ExitCodes.Done, output, ""));
}
