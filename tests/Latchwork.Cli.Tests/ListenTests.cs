using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>Real processes on a real Redis.</summary>
public sealed class ListenTests : IClassFixture<RedisFixture>
{
    private readonly RedisNamespace _timers;

    public ListenTests(RedisFixture redis) => _timers = redis.NewNamespace();

    [Fact]
    public async Task Of_two_processes_exactly_one_gets_each_event()
    {
        const int Count = 200;
        await using CliProcess one = _timers.Start("listen");
        await using CliProcess two = _timers.Start("listen");
        await _timers.HasListenersAsync(2);
        string lines = string.Concat(Enumerable.Range(0, Count).Select(i => $"{{\"id\":\"e{i}\",\"inMs\":{i % 50},\"data\":{i}}}\n"));
        (await _timers.RunWithInputAsync(lines, "post", "--from", "-")).ExitCode.ShouldBe(ExitCodes.Done);

        await Eventually.HoldsAsync(() => one.Lines.Count + two.Lines.Count >= Count, "all events were printed");
        await Eventually.ReadsAsync(() => InStoreAsync(), left => left == 0, "all events were confirmed");
        JsonElement[] all = [.. one.Json, .. two.Json];
        all.Select(e => e.GetProperty("id").GetString()).Order().ShouldBe(Enumerable.Range(0, Count).Select(i => $"e{i}").Order());
        all.ShouldAllBe(e => $"e{e.GetProperty("data").GetRawText()}" == e.GetProperty("id").GetString());
        all.ShouldAllBe(e => e.GetProperty("retries").GetInt32() == 0 && e.GetProperty("latenessMs").GetDouble() >= 0);

        one.Terminate();
        (await one.ExitsAsync()).ShouldBe(ExitCodes.Done, one.Error);
        await _timers.HasListenersAsync(1);
    }

    [Fact]
    public async Task What_a_killed_process_held_is_delivered_again()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "0s", "--data", "1", "--max-retries", "1");
        await using CliProcess victim = _timers.Start("listen", "--exec", "sleep 600", "--lease", "6s");
        await victim.PrintsAsync(1);
        await using CliProcess heir = _timers.Start("listen");
        await _timers.HasListenersAsync(2);
        victim.Kill();

        await heir.PrintsAsync(1);
        JsonElement delivery = heir.Json[0];
        delivery.GetProperty("id").GetString().ShouldBe("x");
        delivery.GetProperty("retries").GetInt32().ShouldBe(1);
        await Eventually.ReadsAsync(() => InStoreAsync(), left => left == 0, "the event was confirmed");
    }

    [Fact]
    public async Task A_listener_says_that_its_server_came_back_empty()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var timers = new RedisNamespace(server.LenientUri, "orders");
        await using CliProcess listener = timers.Start("listen");
        await timers.HasListenersAsync(1);
        await server.CommandAsync("FLUSHALL");
        await Eventually.HoldsAsync(() => listener.Error.Contains("what was posted before is lost", StringComparison.Ordinal), "it says so");
    }

    [Fact]
    public async Task Exec_gets_the_data_and_the_facts_and_its_success_confirms()
    {
        await _timers.RunAsync("post", "--id", "x y", "--in", "0s", "--data", "{\"a\": 1}", "--max-retries", "2");
        CliResult result = await _timers.RunAsync(
            "listen", "--count", "1", "--timeout", "2m", "--exec", "cat; echo; echo \"$LATCHWORK_ID|$LATCHWORK_NAMESPACE|$LATCHWORK_RETRIES|$LATCHWORK_MAX_RETRIES\"");
        result.ExitCode.ShouldBe(ExitCodes.Done);
        result.ReadJson().GetProperty("id").GetString().ShouldBe("x y");
        result.Error.ShouldContain("{\"a\": 1}\n");
        result.Error.ShouldContain($"x y|{_timers.Name}|0|2\n");
        (await _timers.RunAsync("peek", "x y")).ExitCode.ShouldBe(ExitCodes.NotFound);
    }

    [Fact]
    public async Task Exec_that_fails_is_retried_and_one_that_reads_nothing_is_no_failure()
    {
        await _timers.RunWithInputAsync(new string('x', 500_000), "post", "--id", "x", "--in", "0s", "--data-file", "-", "--max-retries", "3");
        CliResult failed = await _timers.RunAsync("listen", "--count", "1", "--timeout", "2m", "--exec", "echo no >&2; exit 7");
        failed.ExitCode.ShouldBe(ExitCodes.Done);
        failed.Error.ShouldContain("latchwork: warning: Event x of ");
        JsonElement peek = (await _timers.RunAsync("peek", "x")).ReadJson();
        peek.GetProperty("state").GetString().ShouldBe("scheduled");
        peek.GetProperty("retries").GetInt32().ShouldBe(1);

        CliResult succeeded = await _timers.RunAsync("listen", "--count", "1", "--timeout", "2m", "--exec", "true");
        succeeded.ReadJson().GetProperty("retries").GetInt32().ShouldBe(1);
        (await _timers.RunAsync("peek", "x")).ExitCode.ShouldBe(ExitCodes.NotFound);
    }

    [Fact]
    public async Task Exec_is_killed_when_its_event_is_revoked()
    {
        string marker = Path.Combine(Path.GetTempPath(), $"lw-{Guid.NewGuid():N}");
        await _timers.RunAsync("post", "--id", "x", "--in", "0s");
        await using CliProcess listener = _timers.Start("listen", "--exec", $"echo $$ > {marker}; sleep 600");
        string pid = await Eventually.ReadsAsync(
            async () => File.Exists(marker) ? (await File.ReadAllTextAsync(marker)).Trim() : "", text => text.Length > 0, "the command runs");
        (await _timers.RunAsync("cancel", "x", "--revoke")).ExitCode.ShouldBe(ExitCodes.Done);
        await Eventually.HoldsAsync(() => !Directory.Exists($"/proc/{pid}"), "the command is gone");
        File.Delete(marker);
    }

    [Fact]
    public async Task Terminating_lets_the_command_finish()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "0s");
        string gate = Path.Combine(Path.GetTempPath(), $"lw-{Guid.NewGuid():N}");
        await using CliProcess listener = _timers.Start("listen", "--exec", $"while [ ! -e {gate} ]; do sleep 0.05; done");
        await listener.PrintsAsync(1);
        listener.Terminate();
        await _timers.RunAsync("stats");
        await File.WriteAllTextAsync(gate, "");
        (await listener.ExitsAsync()).ShouldBe(ExitCodes.Done, listener.Error);
        (await _timers.RunAsync("peek", "x")).ExitCode.ShouldBe(ExitCodes.NotFound);
        File.Delete(gate);
    }

    [Fact]
    public async Task Count_takes_no_more_than_it_was_asked_for()
    {
        string lines = string.Concat(Enumerable.Range(0, 20).Select(_ => "{\"inMs\":0,\"data\":1}\n"));
        await _timers.RunWithInputAsync(lines, "post", "--from", "-");
        CliResult result = await _timers.RunAsync("listen", "--count", "7", "--timeout", "2m", "--max-in-flight", "4");
        result.ExitCode.ShouldBe(ExitCodes.Done);
        result.Lines.Length.ShouldBe(7);
        (await InStoreAsync()).ShouldBe(13);
    }

    [Fact]
    public async Task A_timeout_before_the_count_has_its_own_exit_code()
    {
        CliResult result = await _timers.RunAsync("listen", "--count", "1", "--timeout", "50ms");
        result.ExitCode.ShouldBe(ExitCodes.TimedOut);
        result.Error.ShouldBe("latchwork: timed out after 0 of 1 deliveries\n");
        (await _timers.RunAsync("listen", "--timeout", "50ms")).ExitCode.ShouldBe(ExitCodes.Done);
    }

    [Fact]
    public async Task What_nobody_can_read_any_more_is_not_confirmed()
    {
        string lines = string.Concat(Enumerable.Range(0, 500).Select(_ => "{\"inMs\":0,\"data\":1}\n"));
        await _timers.RunWithInputAsync(lines, "post", "--from", "-");
        await using CliProcess listener = _timers.StartInto("head -n 1", "listen", "--max-in-flight", "1");
        (await listener.ExitsAsync()).ShouldBe(0, listener.Error);
        listener.Lines.Count.ShouldBe(1);

        // Handed back, or still in flight if the store did not answer in the moment of the leave.
        JsonElement stats = (await _timers.RunAsync("stats")).ReadJson();
        stats.GetProperty("deadLetters").GetInt64().ShouldBe(0);
        stats.GetProperty("inFlight").GetInt64().ShouldBeLessThanOrEqualTo(1);
        stats.GetProperty("scheduled").GetInt64().ShouldBeGreaterThan(0);
        (await _timers.RunAsync("upcoming")).Lines.ShouldAllBe(line => line.Contains("\"retries\":0,", StringComparison.Ordinal));
        listener.Error.ShouldContain("standard output cannot be written: Broken pipe, so listening ended");
    }

    private async Task<long> InStoreAsync()
    {
        JsonElement stats = (await _timers.RunAsync("stats")).ReadJson();
        return stats.GetProperty("scheduled").GetInt64() + stats.GetProperty("inFlight").GetInt64();
    }
}
