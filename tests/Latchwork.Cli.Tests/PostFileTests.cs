using System.Text;
using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class PostFileTests : IClassFixture<RedisFixture>
{
    private readonly RedisNamespace _timers;

    public PostFileTests(RedisFixture redis) => _timers = redis.NewNamespace();

    [Fact]
    public async Task Posts_every_line_of_a_file_and_can_be_run_again()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Lines(1_000));
            JsonElement first = (await _timers.RunAsync("post", "--from", file)).ReadJson();
            first.GetProperty("posted").GetInt32().ShouldBe(1_000);
            first.GetProperty("created").GetInt32().ShouldBe(1_000);

            JsonElement again = (await _timers.RunAsync("post", "--from", file, "--if-exists", "keep")).ReadJson();
            again.GetProperty("posted").GetInt32().ShouldBe(0);
            again.GetProperty("kept").GetInt32().ShouldBe(1_000);

            CliResult refused = await _timers.RunAsync("post", "--from", file, "--if-exists", "fail");
            refused.ExitCode.ShouldBe(ExitCodes.Conflict);
            refused.ReadJson().GetProperty("exists").GetInt32().ShouldBe(1_000);
            (await _timers.RunAsync("stats")).ReadJson().GetProperty("scheduled").GetInt32().ShouldBe(1_000);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task What_precedes_a_bad_line_is_posted_and_the_line_is_named()
    {
        CliResult result = await _timers.RunWithInputAsync(Lines(450) + "{\"inMs\":-1,\"data\":1}\n" + Lines(10), "post", "--from", "-");
        result.ExitCode.ShouldBe(ExitCodes.BadInput);
        result.ReadJson().GetProperty("posted").GetInt32().ShouldBe(450);
        result.Error.ShouldBe("latchwork: line 451: 'inMs' must be between 0 and 3153600000000 (100 years); it is -1\n");
        (await _timers.RunAsync("stats")).ReadJson().GetProperty("scheduled").GetInt32().ShouldBe(450);
    }

    [Fact]
    public async Task Blank_lines_are_counted_but_not_posted()
    {
        CliResult result = await _timers.RunWithInputAsync("\n{\"inMs\":1e7,\"data\":1}\r\n  \nx\n", "post", "--from", "-");
        result.ReadJson().GetProperty("posted").GetInt32().ShouldBe(1);
        result.Error.ShouldStartWith("latchwork: line 4: not valid JSON");
    }

    [Fact]
    public async Task Each_tells_of_every_line()
    {
        CliResult result = await _timers.RunWithInputAsync(Lines(3), "post", "--from", "-", "--each");
        result.Lines.Take(3).ShouldBe(
        [
            "{\"line\":1,\"id\":\"e0\",\"outcome\":\"created\"}", "{\"line\":2,\"id\":\"e1\",\"outcome\":\"created\"}", "{\"line\":3,\"id\":\"e2\",\"outcome\":\"created\"}",
        ]);
    }

    [Fact]
    public async Task Of_two_lines_with_the_same_id_the_later_wins()
    {
        var lines = new StringBuilder();
        for (int i = 0; i < 2_000; i++) lines.Append($"{{\"id\":\"e{i % 300}\",\"inMs\":1e7,\"data\":{i}}}\n");
        (await _timers.RunWithInputAsync(lines.ToString(), "post", "--from", "-")).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult upcoming = await _timers.RunAsync("upcoming");
        upcoming.Lines.Length.ShouldBe(300);
        foreach (string line in upcoming.Lines)
        {
            JsonElement json = JsonDocument.Parse(line).RootElement;
            int id = int.Parse(json.GetProperty("id").GetString()![1..]);
            json.GetProperty("data").GetInt32().ShouldBe(Enumerable.Range(0, 2_000).Last(i => i % 300 == id));
        }
    }

    [Fact]
    public async Task People_get_a_plain_sentence()
    {
        CliResult result = await Tool.RunAsync(["--store", "memory:", "timer", "post", "--from", "-"], Lines(5));
        result.Out.ShouldStartWith("posted 5 (");
        result.Out.ShouldNotContain("\u001b");
        result.Error.ShouldBeEmpty();
    }

    private static string Lines(int count) =>
        string.Concat(Enumerable.Range(0, count).Select(i => $"{{\"id\":\"e{i}\",\"inMs\":3600000,\"data\":{{\"n\":{i}}}}}\n"));
}
