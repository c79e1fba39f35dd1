using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests.Moving;

/// <summary>The command: what it prints and returns.</summary>
public sealed class MoveCommandTests(PairFixture pair) : IClassFixture<PairFixture>
{
    [Fact]
    public async Task Everything_goes_to_the_other_store_and_back_and_is_counted()
    {
        await RunAsync(0, "--store", pair.Sqlite, "-n", "orders", "timer", "post", "--id", "41", "--in", "1h", "--data", "{\"a\":1}");
        await RunAsync(0, "--store", pair.Sqlite, "-n", "orders", "timer", "post", "--id", "42", "--in", "2h", "--data", "2");

        CliResult moved = await RunAsync(0, "move", "--from", pair.Sqlite, "--to", pair.Redis, "-n", "orders");
        moved.Out.ShouldContain("the timer namespace 'orders': moved 2 events");
        moved.Out.ShouldContain("moved 2 events and 0 keys");
        moved.Error.ShouldBeEmpty();

        CliResult refused = await RunAsync(1, "--store", pair.Sqlite, "-n", "orders", "timer", "post", "--in", "1h", "--data", "3");
        refused.Error.ShouldContain($"was moved to {pair.Redis}");
        JsonElement peeked = (await RunAsync(0, "--store", pair.Redis, "-n", "orders", "--json", "timer", "peek", "41")).ReadJson();
        peeked.GetProperty("state").GetString().ShouldBe("scheduled");

        JsonElement again = (await RunAsync(0, "move", "--from", pair.Sqlite, "--to", pair.Redis, "-n", "orders", "--json")).ReadJson();
        (again.GetProperty("kind").GetString(), again.GetProperty("namespace").GetString()).ShouldBe(("timers", "orders"));
        (again.GetProperty("state").GetString(), again.GetProperty("count").GetInt32()).ShouldBe(("movedBefore", 2));

        JsonElement back = (await RunAsync(0, "move", "--from", pair.Redis, "--to", pair.Sqlite, "-n", "orders", "--json")).ReadJson();
        (back.GetProperty("state").GetString(), back.GetProperty("count").GetInt32()).ShouldBe(("moved", 2));
        await RunAsync(0, "--store", pair.Sqlite, "-n", "orders", "timer", "post", "--in", "1h", "--data", "3");
    }

    [Fact]
    public async Task What_cannot_be_moved_is_named_with_an_exit_code_of_its_own()
    {
        await RunAsync(0, "--store", pair.Sqlite, "-n", "taken", "timer", "post", "--id", "same", "--in", "1h", "--data", "1");
        await RunAsync(0, "--store", pair.Redis, "-n", "taken", "timer", "post", "--id", "same", "--in", "1h", "--data", "2");
        (await RunAsync(4, "move", "--from", pair.Sqlite, "--to", pair.Redis, "-n", "taken")).Error.ShouldContain("'same'");
        (await RunAsync(1, "--store", pair.Sqlite, "-n", "taken", "timer", "cancel", "same")).Error.ShouldContain("is being moved to");

        CliResult aborted = await RunAsync(0, "move", "--from", pair.Sqlite, "--to", pair.Redis, "-n", "taken", "--abort");
        aborted.Out.ShouldContain("open again; 0 events had arrived");
        await RunAsync(0, "--store", pair.Sqlite, "-n", "taken", "timer", "cancel", "same");
    }

    [Fact]
    public async Task Wrong_addresses_are_refused_and_no_file_is_made_for_them()
    {
        (await RunAsync(2, "move", "--from", pair.Sqlite + "x", "--to", pair.Redis)).Error.ShouldContain("does not exist");
        File.Exists(pair.Sqlite["sqlite:".Length..] + "x").ShouldBeFalse();
        (await RunAsync(2, "move", "--from", pair.Redis, "--to", pair.Redis)).Error.ShouldContain("the same store");
        (await RunAsync(2, "move", "--from", pair.Redis, "--to", "memory:")).Error.ShouldContain("memory:");
        (await RunAsync(2, "move", "--from", pair.Redis, "--to", pair.Sqlite, "-n", "nobody-knows")).Error.ShouldContain("nobody-knows");
        await RunAsync(2, "move", "--from", pair.Redis);
    }

    private static async Task<CliResult> RunAsync(int exitCode, params string[] args)
    {
        CliResult result = await Tool.RunAsync(args);
        result.ExitCode.ShouldBe(exitCode, $"{string.Join(' ', args)}: {result.Out}{result.Error}");
        return result;
    }
}
