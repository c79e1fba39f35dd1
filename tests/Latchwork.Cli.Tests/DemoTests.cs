using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class DemoTests : IClassFixture<RedisFixture>
{
    private readonly RedisFixture _redis;

    public DemoTests(RedisFixture redis) => _redis = redis;

    [Fact]
    public async Task In_memory_it_shows_and_checks_everything_in_plain_text()
    {
        CliResult result = await Tool.RunAsync("demo");
        result.ExitCode.ShouldBe(ExitCodes.Done, result.ToString());
        result.Out.ShouldContain("posted           3,000");
        result.Out.ShouldContain("lost                 0");
        result.Out.ShouldContain("cancelled          150");
        result.Out.ShouldContain("12 retriesExhausted, 6 rejected");
        result.Out.ShouldContain("p50");
        result.Out.ShouldContain("✓ none came before its time");
        result.Out.ShouldNotContain("\u001b");
        result.Error.ShouldBeEmpty();
    }

    [Fact]
    public async Task On_redis_it_does_the_same_and_leaves_no_event_behind()
    {
        await using CliProcess demo = CliProcess.Start("demo", "--json", "--store", _redis.Server.Uri);
        int exitCode = await demo.ExitsAsync();
        exitCode.ShouldBe(ExitCodes.Done, demo.Error);
        JsonElement json = demo.Json.ShouldHaveSingleItem();
        json.GetProperty("posted").GetInt32().ShouldBe(3_000);
        json.GetProperty("lost").GetInt32().ShouldBe(0);
        json.GetProperty("takenOver").GetInt32().ShouldBeGreaterThan(0);
        int ends = new[] { "deliveredOnce", "retried", "dead", "cancelled" }.Sum(name => json.GetProperty(name).GetInt32());
        ends.ShouldBe(3_000);
        json.GetProperty("claims").EnumerateArray().ShouldAllBe(claim => claim.GetProperty("holds").GetBoolean());

        string left = await _redis.Server.CommandAsync("KEYS", "*");
        left.Split('\n').ShouldNotContain(key => key.EndsWith(":due", StringComparison.Ordinal) || key.EndsWith(":dead", StringComparison.Ordinal));
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
}
