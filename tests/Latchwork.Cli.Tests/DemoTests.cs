using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>
/// The demo runs in real time with leases of a second, so it cannot succeed on a machine that stalls for as long; but then it must say so.
/// It is played again until it is played undisturbed, or has said so often enough.
/// </summary>
public sealed class DemoTests : IClassFixture<RedisFixture>
{
    private const int Attempts = 5;
    private const string Excuse = "the machine or the store stalled for";

    private readonly RedisFixture _redis;

    public DemoTests(RedisFixture redis) => _redis = redis;

    [Fact]
    public async Task In_memory_it_shows_and_checks_everything_in_plain_text()
    {
        CliResult result = await Tool.RunAsync("demo");
        for (int attempt = 1; result.ExitCode != ExitCodes.Done; attempt++)
        {
            (result.ExitCode, result.Error.Contains(Excuse, StringComparison.Ordinal)).ShouldBe((ExitCodes.Failure, true), result.ToString());
            if (attempt == Attempts) return;
            result = await Tool.RunAsync("demo");
        }

        result.Out.ShouldContain("posted           3,000");
        result.Out.ShouldContain("lost                 0");
        result.Out.ShouldMatch("cancelled +1?[0-9]+\n");
        result.Out.ShouldContain("12 retriesExhausted, 6 rejected");
        result.Out.ShouldContain("p50");
        result.Out.ShouldContain("✓ none came before its time");

        result.Out.ShouldContain("report:april      400     1       400");
        result.Out.ShouldContain("report:may        400     1       400");
        result.Out.ShouldContain("report:june       400     2       300");
        result.Out.ShouldContain("report:july       400     1       400");
        result.Out.ShouldContain("comes in late, under its old token: refused");
        result.Out.ShouldContain("✓ each report ran once");
        result.Out.ShouldContain("✓ another node took over within the lease of 1 s + 250 ms");
        result.Out.ShouldNotContain("\u001b");
        result.Error.ShouldBeEmpty();
    }

    [Fact]
    public async Task On_redis_it_does_the_same_and_leaves_nothing_of_it_behind()
    {
        JsonElement json;
        for (int attempt = 1; ; attempt++)
        {
            await using CliProcess demo = CliProcess.Start("demo", "--json", "--store", _redis.Server.PatientUri);
            int exitCode = await demo.ExitsAsync();
            if (exitCode == ExitCodes.Done)
            {
                json = demo.Json.ShouldHaveSingleItem();
                break;
            }

            (exitCode, demo.Error.Contains(Excuse, StringComparison.Ordinal)).ShouldBe((ExitCodes.Failure, true), demo.Error);
            if (attempt == Attempts) return;
        }

        json.GetProperty("longestStallMs").GetDouble().ShouldBeGreaterThanOrEqualTo(0);
        JsonElement timers = json.GetProperty("timers");
        timers.GetProperty("posted").GetInt32().ShouldBe(3_000);
        timers.GetProperty("lost").GetInt32().ShouldBe(0);
        timers.GetProperty("takenOver").GetInt32().ShouldBeGreaterThan(0);
        int ends = new[] { "deliveredOnce", "retried", "dead", "cancelled" }.Sum(name => timers.GetProperty(name).GetInt32());
        ends.ShouldBe(3_000);
        AllHold(timers);

        JsonElement locker = json.GetProperty("locker");
        JsonElement[] keys = [.. locker.GetProperty("keys").EnumerateArray()];
        keys.Select(key => key.GetProperty("calls").GetInt32()).ShouldBe([400, 400, 400, 400]);
        keys.Select(key => key.GetProperty("runs").GetInt32()).ShouldBe([1, 1, 2, 1]);
        keys.Select(key => key.GetProperty("answered").GetInt32()).ShouldBe([400, 400, 300, 400]);
        keys[2].GetProperty("owners")[0].GetString().ShouldBe(locker.GetProperty("killed").GetString());
        keys[3].GetProperty("failed").GetBoolean().ShouldBeTrue();
        locker.GetProperty("takeoverMs").GetDouble().ShouldBeGreaterThan(0);
        locker.GetProperty("laterRuns").GetInt32().ShouldBe(0);
        AllHold(locker);

        // What is left of a forgotten key is its highest fencing token, which expires.
        string[] left = (await _redis.Server.CommandAsync("KEYS", "*")).Split('\n');
        left.ShouldNotContain(key => new[] { ":due", ":dead", ":lock", ":data" }.Any(end => key.EndsWith(end, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task It_can_be_interrupted()
    {
        using var stop = new CancellationTokenSource();
        Task<CliResult> running = Tool.RunAsync(["demo"], "", stop: stop.Token);
        await stop.CancelAsync();
        CliResult result = await running;
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Error.ShouldBe("latchwork: interrupted\n");
    }

    private static void AllHold(JsonElement act) => act.GetProperty("claims").EnumerateArray().ShouldAllBe(claim => claim.GetProperty("holds").GetBoolean());
}
