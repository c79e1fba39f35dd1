using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>
/// The demo checks itself. A slow machine breaks none of its promises but those about time, so those are not asserted here. If the machine stalls
/// for so long that the demo cannot be played, it must say so, and is played again.
/// </summary>
public sealed class DemoTests : IClassFixture<RedisFixture>
{
    private const int Attempts = 5;
    private const string Excuse = "the machine or the store stalled for";

    private readonly RedisFixture _redis;

    public DemoTests(RedisFixture redis) => _redis = redis;

    [Fact]
    public async Task With_nothing_said_it_runs_on_a_temporary_database_and_its_output_fits_a_terminal()
    {
        CliResult result = await Tool.RunAsync("demo");
        for (int attempt = 1; attempt < Attempts && result.Error.Contains(Excuse, StringComparison.Ordinal); attempt++) result = await Tool.RunAsync("demo");

        result.Error.ShouldBeEmpty(result.Out);
        result.ExitCode.ShouldBe(ExitCodes.Done);
        string[] lines = result.Out.TrimEnd('\n').Split('\n');
        lines.Length.ShouldBeLessThanOrEqualTo(22, "24 lines, less the command and what ./demo prints about the build");
        lines.ShouldAllBe(line => line.Length <= 80);
        Directory.Exists(Path.GetDirectoryName(DemoProcesses.DatabaseOf(lines[0]))).ShouldBeFalse("the folder is deleted");
        result.Out.ShouldContain("anna, ben, cleo and dora listen, each a process of its own");
        result.Out.ShouldContain("posted 1,000 events");
        result.Out.ShouldContain(" (SIGKILL), which held ");
        result.Out.ShouldContain("the others got all of them");
        result.Out.ShouldContain("at-least-once delivery, with at most one live lease per event");
        result.Out.ShouldNotContain("exactly once");
        result.Out.ShouldContain("under its old fencing token, was refused");
        lines[^1].ShouldStartWith("Verdict: all 6 promises held");
        lines.Count(line => line.StartsWith("  ✓ ", StringComparison.Ordinal)).ShouldBe(6);
    }

    [Fact]
    public async Task An_event_that_somebody_takes_away_is_lost_by_the_verdict_and_the_exit_code()
    {
        using var scratch = new Scratch();
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            string store = $"sqlite:{scratch[$"{attempt}.db"]}";
            await using CliProcess demo = CliProcess.Start("demo", "--store", store);
            await Eventually.ReadsAsync(() => Task.FromResult(demo.Lines), seen => seen.Any(line => line.Contains("posted", StringComparison.Ordinal)), $"it has posted: {demo.Error}");
            string ns = (await Tool.RunAsync("timer", "namespaces", "--json", "--store", store)).ReadJson().GetProperty("namespace").GetString()!;
            string[] upcoming = (await Tool.RunAsync("timer", "upcoming", "--json", "-n", ns, "--store", store)).Lines;
            // Plain ones have the higher numbers. On a machine that stalls all may be handled already, and then the demo is played again.
            string? last = upcoming.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!)
                .LastOrDefault(id => string.CompareOrdinal(id, "order-0200") > 0);
            if (last is null || (await Tool.RunAsync("timer", "cancel", last, "-n", ns, "--store", store)).ExitCode != ExitCodes.Done) continue;

            int exitCode = await demo.ExitsAsync();
            if (!demo.Lines[^1].StartsWith("Verdict:", StringComparison.Ordinal)) continue;
            exitCode.ShouldBe(ExitCodes.Failure);
            demo.Lines.ShouldContain("  ✗ none of 1,000 events is lost: each is confirmed, cancelled or a dead letter");
            demo.Lines.ShouldContain($"      {last} is lost");
            demo.Lines[^1].ShouldContain("promises broken");
            demo.Error.ShouldContain($"a promise was broken: none of 1,000 events is lost: each is confirmed, cancelled or a dead letter: {last} is lost");
            return;
        }

        Assert.Fail("No event could be taken away in time.");
    }

    [Fact]
    public async Task On_Redis_it_does_the_same_and_leaves_nothing_behind()
    {
        await HoldsAsync(_redis.Server.LenientUri);

        // What is left of a forgotten key is its highest fencing token, which expires.
        string[] left = (await _redis.Server.CommandAsync("KEYS", "*")).Split('\n');
        left.ShouldNotContain(key => new[] { ":due", ":dead", ":data" }.Any(end => key.EndsWith(end, StringComparison.Ordinal)));
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
            new[] { "scheduled", "inFlight", "deadLetters" }.Select(name => stats.GetProperty(name).GetInt32()).ShouldBe([0, 0, 0]);
        }
    }

    [Fact]
    public async Task It_can_be_interrupted()
    {
        using var stop = new CancellationTokenSource();
        Task<CliResult> running = Tool.RunAsync(["demo"], "", cancellationToken: stop.Token);
        await stop.CancelAsync();
        CliResult result = await running;
        result.ExitCode.ShouldBe(ExitCodes.Interrupted);
        result.Error.ShouldBe("latchwork: interrupted\n");
    }

    [Fact]
    public async Task A_store_that_cannot_be_opened_is_named()
    {
        CliResult result = await Tool.RunAsync("demo", "--store", "sqlite:/no/such/folder/x.db");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Error.ShouldContain("The folder '/no/such/folder' of the database does not exist");
    }

    // Every promise but those about time; and the demo succeeds if, and only if, all hold.
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
        JsonElement timers = json.GetProperty("timers");
        JsonElement locker = json.GetProperty("locker");
        JsonElement[] promises = [.. timers.GetProperty("promises").EnumerateArray(), .. locker.GetProperty("promises").EnumerateArray()];
        promises.Length.ShouldBe(6);
        promises.Where(promise => !promise.GetProperty("isTimed").GetBoolean()).ShouldAllBe(promise => promise.GetProperty("holds").GetBoolean());
        bool held = promises.All(promise => promise.GetProperty("holds").GetBoolean());
        json.GetProperty("held").GetBoolean().ShouldBe(held);
        exitCode.ShouldBe(held ? ExitCodes.Done : ExitCodes.Failure, error);

        timers.GetProperty("posted").GetInt32().ShouldBe(1_000);
        timers.GetProperty("lost").GetInt32().ShouldBe(0);
        timers.GetProperty("heldByKilled").GetInt32().ShouldBeGreaterThan(0);
        new[] { "confirmed", "cancelled", "deadLetters", "left" }.Sum(name => timers.GetProperty(name).GetInt32()).ShouldBe(1_000);
        locker.GetProperty("owners").EnumerateArray().Select(owner => owner.GetString()).ShouldContain(locker.GetProperty("killed").GetString());
        json.GetProperty("longestStallMs").GetDouble().ShouldBeGreaterThanOrEqualTo(0);
    }
}
