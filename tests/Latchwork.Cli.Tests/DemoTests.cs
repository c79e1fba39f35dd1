using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>
/// The demo checks itself, and a slow machine breaks none of its claims but those of time. So that is what is asserted here, and not how many
/// events were cancelled in time or which report ran where. If the machine stalls for so long that an act cannot be played, the demo must say
/// so, and is played again.
/// </summary>
public sealed class DemoTests : IClassFixture<RedisFixture>
{
    private const int Attempts = 5;
    private const string Excuse = "the machine or the store stalled for";

    private readonly RedisFixture _redis;

    public DemoTests(RedisFixture redis) => _redis = redis;

    [Fact]
    public async Task With_nothing_said_its_nodes_are_processes_on_a_temporary_database()
    {
        CliResult result = await Tool.RunAsync("demo");
        for (int attempt = 1; attempt < Attempts && result.Error.Contains(Excuse, StringComparison.Ordinal); attempt++) result = await Tool.RunAsync("demo");
        string database = DemoProcesses.DatabaseOf(result.Lines[0]);
        Directory.Exists(Path.GetDirectoryName(database)).ShouldBeFalse("the folder is deleted");
        result.Out.ShouldContain("listen, each a process");
        result.Out.ShouldContain(" (SIGKILL), which held ");
        result.Out.ShouldContain("posted           3,000");
        result.Out.ShouldContain("lost                 0");
        result.Out.ShouldContain("redelivered: ");
        result.Out.ShouldContain("✓ every event that was posted is accounted for, exactly once");
        result.Out.ShouldContain("✓ none came before its time");
        result.Out.ShouldContain("✓ each event that ");
        result.Out.ShouldContain("✓ each report ran once");
        result.Out.ShouldContain("comes in late, under its old token: refused");
        result.Out.ShouldNotContain("\u001b");
    }

    [Fact]
    public async Task In_memory_it_does_the_same_in_one_process()
    {
        await HoldsAsync("memory:");
    }

    [Fact]
    public async Task On_redis_it_does_the_same_and_leaves_nothing_of_it_behind()
    {
        await HoldsAsync(_redis.Server.PatientUri);

        // What is left of a forgotten key is its highest fencing token, which expires.
        string[] left = (await _redis.Server.CommandAsync("KEYS", "*")).Split('\n');
        left.ShouldNotContain(key => new[] { ":due", ":dead", ":lock", ":data" }.Any(end => key.EndsWith(end, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task In_a_database_that_is_given_it_leaves_nothing_behind()
    {
        using var scratch = new Scratch();
        string store = $"sqlite:{scratch["x.db"]}";
        await HoldsAsync(store);
        string[] namespaces = (await Tool.RunAsync("timer", "namespaces", "--json", "--store", store)).Lines;
        namespaces.ShouldNotBeEmpty();
        foreach (string line in namespaces)
        {
            string used = JsonDocument.Parse(line).RootElement.GetProperty("namespace").GetString()!;
            JsonElement stats = (await Tool.RunAsync("timer", "stats", "--json", "-n", used, "--store", store)).ReadJson();
            new[] { "scheduled", "inFlight", "dead" }.Select(name => stats.GetProperty(name).GetInt32()).ShouldBe([0, 0, 0]);
        }
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

    [Fact]
    public async Task A_store_that_cannot_be_opened_is_named()
    {
        CliResult result = await Tool.RunAsync("demo", "--store", "sqlite:/no/such/folder/x.db");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Error.ShouldContain("The folder '/no/such/folder' of the database does not exist");
    }

    // Every claim but those of time; and the demo succeeds if, and only if, all hold.
    private static async Task HoldsAsync(string store)
    {
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            await using CliProcess demo = CliProcess.Start("demo", "--json", "--store", store);
            int exitCode = await demo.ExitsAsync();
            if (demo.Json is [var json])
            {
                Holds(json, exitCode, demo.Error);
                return;
            }

            (exitCode, demo.Error.Contains(Excuse, StringComparison.Ordinal)).ShouldBe((ExitCodes.Failure, true), demo.Error);
        }
    }

    private static void Holds(JsonElement json, int exitCode, string error)
    {
        json.GetProperty("longestStallMs").GetDouble().ShouldBeGreaterThanOrEqualTo(0);
        JsonElement timers = json.GetProperty("timers");
        JsonElement locker = json.GetProperty("locker");
        JsonElement[] claims = [.. timers.GetProperty("claims").EnumerateArray(), .. locker.GetProperty("claims").EnumerateArray()];
        claims.Length.ShouldBe(16);
        claims.Where(claim => !IsOfTime(claim)).ShouldAllBe(claim => claim.GetProperty("holds").GetBoolean());
        exitCode.ShouldBe(claims.All(claim => claim.GetProperty("holds").GetBoolean()) ? ExitCodes.Done : ExitCodes.Failure, error);

        timers.GetProperty("posted").GetInt32().ShouldBe(3_000);
        timers.GetProperty("lost").GetInt32().ShouldBe(0);
        timers.GetProperty("takenOver").GetInt32().ShouldBeGreaterThan(0);
        new[] { "deliveredOnce", "retried", "dead", "cancelled", "left" }.Sum(name => timers.GetProperty(name).GetInt32()).ShouldBe(3_000);
        locker.GetProperty("keys").GetArrayLength().ShouldBe(4);
        locker.GetProperty("keys")[2].GetProperty("owners").EnumerateArray().Select(owner => owner.GetString()).ShouldContain(locker.GetProperty("killed").GetString());
    }

    private static bool IsOfTime(JsonElement claim) => claim.TryGetProperty("ofTime", out JsonElement ofTime) && ofTime.GetBoolean();
}
