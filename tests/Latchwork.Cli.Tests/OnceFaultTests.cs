using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>Commands of <c>once</c> whose node dies, is stopped, or loses the key: real processes on a real Redis, on Linux.</summary>
public sealed class OnceFaultTests : IClassFixture<RedisFixture>, IDisposable
{
    private readonly RedisKeyspace _keys;
    private readonly Scratch _scratch = new();

    public OnceFaultTests(RedisFixture redis) => _keys = redis.NewKeyspace();

    // Tells when it began, and when it was asked to stop; then it stops, or does not.
    private string Trapping(string then) =>
        $"trap 'echo term >> {_scratch["terms"]}; {then}' TERM; echo $$ >> {_scratch["pids"]}; while :; do sleep 0.05; done";

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_killed_node_takes_its_command_along_and_another_takes_over()
    {
        await using OnceProcess victim = _keys.Start(
            "k", $"sleep 600 & echo $! >> {_scratch["pids"]}; echo $$ >> {_scratch["pids"]}; wait; echo survived >> {_scratch["pids"]}", "--lease", "6s");
        string[] pids = await _scratch.HasLinesAsync("pids", 2);
        await using OnceProcess heir = _keys.Start("k", "echo heir");
        await _keys.HasWaitersAsync(1);
        victim.Kill();
        (await heir.EndsAsync()).ShouldBe(new CliResult(0, "heir\n", ""));
        foreach (string pid in pids) await Scratch.IsGoneAsync(pid);
        _scratch.Lines("pids").Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_forgotten_key_stops_its_command_and_the_next_one_who_waits_runs()
    {
        Task<CliResult> owner = _keys.OnceAsync("k", Trapping("echo late; exit 0"), "--lease", "6s");
        await _scratch.HasLinesAsync("pids", 1);
        Task<CliResult> waiter = _keys.OnceAsync("k", "echo next");
        await _keys.HasWaitersAsync(1);
        (await _keys.LockAsync("forget", "k")).Out.ShouldBe("{\"key\":\"k\",\"outcome\":\"forgotten\"}\n");

        CliResult lost = await owner;
        lost.ExitCode.ShouldBe(ExitCodes.LostLease);
        lost.Out.ShouldBeEmpty();
        lost.Error.ShouldStartWith("latchwork: k: the lease was lost");
        lost.Error.Count(c => c == '\n').ShouldBe(1);
        _scratch.Lines("terms").ShouldBe(["term"]);
        (await waiter).ShouldBe(new CliResult(0, "next\n", ""));
    }

    [Fact]
    public async Task A_command_that_runs_longer_than_the_lock_timeout_is_stopped()
    {
        // However the machine stalls: the lease is lost after six seconds at the latest, when the command has long begun.
        CliResult result = await _keys.OnceAsync("k", Trapping("exit 0"), "--lease", "4s", "--lock-timeout", "6s");
        result.ExitCode.ShouldBe(ExitCodes.LostLease);
        _scratch.Lines("terms").ShouldBe(["term"]);
    }

    [Fact]
    public async Task A_stopped_node_stops_its_command_and_frees_the_key()
    {
        await using OnceProcess owner = _keys.Start("k", Trapping("echo late; exit 0"), "--lease", "10m");
        await _scratch.HasLinesAsync("pids", 1);
        Task<CliResult> waiter = _keys.OnceAsync("k", "echo next");
        await _keys.HasWaitersAsync(1);
        owner.Terminate();
        (await owner.EndsAsync()).ShouldBe(new CliResult(128 + 15, "", "latchwork: interrupted\n"));
        (await waiter).ShouldBe(new CliResult(0, "next\n", ""));
        _scratch.Lines("terms").ShouldBe(["term"]);
    }

    [Fact]
    public async Task A_node_that_is_told_twice_kills_a_command_that_will_not_stop()
    {
        await using OnceProcess owner = _keys.Start("k", Trapping(":"));
        string pid = (await _scratch.HasLinesAsync("pids", 1))[0];
        owner.Terminate();
        await _scratch.HasLinesAsync("terms", 1);
        owner.Terminate();
        (await owner.EndsAsync()).ExitCode.ShouldBe(128 + 15);
        await Scratch.IsGoneAsync(pid);
        (await _keys.LockAsync("list")).Out.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_node_that_waits_and_is_stopped_disturbs_nobody()
    {
        Task<CliResult> owner = _keys.OnceAsync("k", $"echo $$ >> {_scratch["pids"]}; {_scratch.WaitFor("go")}; echo done");
        await _scratch.HasLinesAsync("pids", 1);
        using var stop = new CancellationTokenSource();
        Task<CliResult> waiter = _keys.OnceAsync(["k"], ["echo", "mine"], stop.Token);
        await _keys.HasWaitersAsync(1);
        await stop.CancelAsync();
        (await waiter).ShouldBe(new CliResult(ExitCodes.Interrupted, "", "latchwork: interrupted\n"));
        _scratch.Create("go");
        (await owner).ShouldBe(new CliResult(0, "done\n", ""));
    }

    [Fact]
    public async Task Lock_shows_lists_and_forgets()
    {
        (await _keys.LockAsync("show", "k")).Error.ShouldContain("there is no lock namespace");
        (await _keys.OnceAsync("another", "true")).ExitCode.ShouldBe(0);
        (await _keys.LockAsync("show", "k")).ShouldBe(new CliResult(ExitCodes.NotFound, "{\"key\":\"k\",\"outcome\":\"notFound\"}\n", "latchwork: k: not found ('lock list' lists the keys that are locked)\n"));
        (await _keys.LockAsync("forget", "k")).ExitCode.ShouldBe(ExitCodes.NotFound);
        (await _keys.LockPlainAsync("list")).Out.ShouldBe("nothing is locked\n");

        Task<CliResult> owner = _keys.OnceAsync("k", $"echo $$ >> {_scratch["pids"]}; {_scratch.WaitFor("go")}; exit 9", "--lease", "5m", "--result-for", "10m");
        await _scratch.HasLinesAsync("pids", 1);
        JsonElement locked = (await _keys.LockAsync("show", "k")).ReadJson();
        Names(locked).ShouldBe("key locked fencingToken node ageMs leaseLeftMs");
        locked.GetProperty("key").GetString().ShouldBe("k");
        locked.GetProperty("locked").GetBoolean().ShouldBeTrue();
        locked.GetProperty("node").GetString().ShouldNotBeNullOrEmpty();
        locked.GetProperty("leaseLeftMs").GetInt64().ShouldBeInRange(0, 300_000);
        JsonElement listed = (await _keys.LockAsync("list")).ReadJson();
        Names(listed).ShouldBe(Names(locked));
        listed.GetProperty("fencingToken").GetInt64().ShouldBe(locked.GetProperty("fencingToken").GetInt64());
        (await _keys.LockPlainAsync("list")).Lines[1].ShouldStartWith("k ");

        _scratch.Create("go");
        (await owner).ExitCode.ShouldBe(9);
        JsonElement done = (await _keys.LockAsync("show", "k")).ReadJson();
        Names(done).ShouldBe("key locked fencingToken result freshForMs exitCode");
        done.GetProperty("locked").GetBoolean().ShouldBeFalse();
        done.GetProperty("result").GetString().ShouldBe("done");
        done.GetProperty("exitCode").GetInt32().ShouldBe(9);
        done.GetProperty("freshForMs").GetInt64().ShouldBeInRange(1, 600_000);
        (await _keys.LockPlainAsync("show", "k")).Out.ShouldContain("exit code 9");

        (await _keys.LockPlainAsync("forget", "k")).Out.ShouldBe("k: forgotten\n");
        (await _keys.LockAsync("show", "k")).ExitCode.ShouldBe(ExitCodes.NotFound);
    }

    private static string Names(JsonElement json) => string.Join(' ', json.EnumerateObject().Select(property => property.Name));
}
