using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class RepartitionTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task The_number_is_changed_and_every_command_works_with_the_new_one()
    {
        RedisNamespace one = fixture.NewNamespace();
        for (int i = 0; i < 20; i++) (await one.RunAsync("post", "--data", $"{{\"n\":{i}}}", "--id", $"e{i}", "--in", $"{i + 1}h")).ExitCode.ShouldBe(0);
        JsonElement done = (await one.RunAsync("repartition", one.Name, "--to", "7")).ReadJson();
        (done.GetProperty("from").GetInt32(), done.GetProperty("to").GetInt32()).ShouldBe((1, 7));
        done.GetProperty("moved").GetInt32().ShouldBeInRange(10, 20);

        CliResult refused = await one.RunAsync("stats");
        refused.ExitCode.ShouldBe(ExitCodes.Failure);
        refused.Error.ShouldContain("?partitions=7");

        RedisNamespace seven = one with { Store = one.Store + (one.Store.Contains('?') ? "&" : "?") + "partitions=7" };
        (await seven.RunAsync("stats")).ReadJson().GetProperty("scheduled").GetInt32().ShouldBe(20);
        string[] ids = [.. (await seven.RunAsync("upcoming")).Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!)];
        ids.ShouldBe(Enumerable.Range(0, 20).Select(i => $"e{i}"));
        (await seven.RunAsync("peek", "e7")).ExitCode.ShouldBe(0);
        (await seven.RunAsync("cancel", "e7")).ExitCode.ShouldBe(0);
        (await seven.RunAsync("delay", "e8", "0s")).ExitCode.ShouldBe(0);
        (await seven.RunAsync("nodes")).ExitCode.ShouldBe(0);
        (await seven.RunAsync("dead", "list")).ExitCode.ShouldBe(0);
        (await seven.RunPlainAsync("repartition", one.Name, "--to", "7")).Out.ShouldContain("already");
    }

    [Fact]
    public async Task A_listener_is_named()
    {
        RedisNamespace one = fixture.NewNamespace();
        await using CliProcess listener = one.Start("listen", "--node", "node-1");
        await one.HasListenersAsync(1);
        CliResult refused = await one.RunAsync("repartition", one.Name, "--to", "7");
        refused.ExitCode.ShouldBe(ExitCodes.Conflict);
        refused.Error.ShouldContain("node-1");
    }

    [Fact]
    public async Task What_is_wrong_is_said()
    {
        RedisNamespace one = fixture.NewNamespace();
        (await one.RunAsync("repartition", one.Name, "--to", "7")).ExitCode.ShouldBe(ExitCodes.NotFound);
        (await one.RunAsync("repartition", one.Name, "--to", "0")).ExitCode.ShouldBe(ExitCodes.BadInput);
        (await one.RunAsync("repartition", one.Name)).ExitCode.ShouldBe(ExitCodes.BadInput);
        CliResult memory = await Tool.RunAsync("timer", "repartition", "x", "--to", "2", "--store", "memory:");
        memory.ExitCode.ShouldBe(ExitCodes.BadInput);
        memory.Error.ShouldContain("one partition");
        using var scratch = new Scratch();
        string store = $"sqlite:{scratch["latchwork.db"]}";
        (await Tool.RunAsync("timer", "post", "-n", "x", "--in", "1h", "--store", store)).ExitCode.ShouldBe(0);
        CliResult file = await Tool.RunAsync("timer", "repartition", "x", "--to", "2", "--store", store);
        file.ExitCode.ShouldBe(ExitCodes.BadInput);
        file.Error.ShouldContain("one partition");
    }
}
