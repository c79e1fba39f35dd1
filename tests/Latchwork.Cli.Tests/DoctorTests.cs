using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class DoctorTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task What_is_wrong_is_explained_repaired_and_told_by_the_exit_code()
    {
        RedisNamespace one = fixture.NewNamespace();
        foreach (string id in (string[])["a", "b", "c"]) (await one.RunAsync("post", "--data", "1", "--id", id, "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult healthy = await DoctorAsync(one);
        (healthy.ExitCode, healthy.Out).ShouldBe((ExitCodes.Done, "nothing is wrong\n"));

        await fixture.Server.CommandAsync("HDEL", $"lw:{{t:{one.Name}:0}}:body", "a");
        await fixture.Server.CommandAsync("ZREM", $"lw:{{t:{one.Name}:0}}:due", "b");
        CliResult sick = await DoctorAsync(one);
        sick.ExitCode.ShouldBe(ExitCodes.Failure);
        sick.Lines.Length.ShouldBe(2);
        sick.Out.ShouldContain("('a')");
        sick.Out.ShouldContain("its payload: what was in it is lost");
        sick.Out.ShouldContain("('b')");
        sick.Out.ShouldContain("'--fix': it is put among the dead letters");
        (await Tool.RunAsync("doctor", one.Name, "--store", one.Store, "--json")).Out.ShouldContain("\"problem\":\"missingPayload\"");

        CliResult repaired = await DoctorAsync(one, "--fix");
        repaired.ExitCode.ShouldBe(ExitCodes.Done);
        repaired.Out.ShouldContain("removed what was left of 'a'");
        (await DoctorAsync(one)).ExitCode.ShouldBe(ExitCodes.Done);
        (await one.RunAsync("dead", "requeue", "b")).ExitCode.ShouldBe(ExitCodes.Done);
    }

    [Fact]
    public async Task A_store_in_memory_has_nothing_wrong() => (await Tool.RunAsync("doctor", "--store", "memory:")).ExitCode.ShouldBe(ExitCodes.Done);

    private static Task<CliResult> DoctorAsync(RedisNamespace one, params string[] more) => Tool.RunAsync(["doctor", one.Name, "--store", one.Store, .. more]);
}
