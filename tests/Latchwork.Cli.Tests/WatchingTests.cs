using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary><c>top</c> and <c>timer watch</c>: what they print, to people and to programs.</summary>
public sealed class WatchingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-top-").FullName;

    private string Store => $"sqlite:{_folder}/top.db";

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Top_lists_the_namespaces_most_in_trouble_first()
    {
        await PostAsync("calm");
        await RunAsync("timer", "pause", "-n", "calm", "--reason", "a\u001b[31mred", "--by", "ops");
        await PostAsync("orders");

        CliResult top = await RunAsync("top");
        top.ExitCode.ShouldBe(ExitCodes.Done);
        string[] lines = top.Out.TrimEnd('\n').Split('\n');
        lines[1].ShouldBe("2 namespaces: 0 critical, 1 with warnings; 2 scheduled, 0 in flight, 0 dead letters, 0 listeners");
        lines[2].ShouldBe("in the last full minute: 0 delivered, 0 confirmed, 0 failed, 0 dead-lettered");
        lines[3].ShouldBe("NAMESPACE  SCHEDULED  OVERDUE  IN FLIGHT  DEAD  LISTENERS  DELIVERED/MIN  FAILED/MIN  STATE");
        lines[4].ShouldBe("orders             1                   0     0          0              0           0  no listener");
        lines[5].ShouldStartWith("calm               1                   0     0          0              0           0  paused by ops since ");
        lines[5].ShouldEndWith(@"a\u001b[31mred");
        lines.Length.ShouldBe(6);

        (await RunAsync("top", "--search", "CAL")).Out.ShouldNotContain("orders");
        (await RunAsync("top", "--search", "none")).Out.ShouldContain("no namespace contains 'none'");
    }

    [Fact]
    public async Task Top_is_json_for_programs()
    {
        await PostAsync("orders");
        JsonElement top = (await RunAsync("top", "--json")).ReadJson();
        top.GetProperty("answers").GetBoolean().ShouldBeTrue();
        top.GetProperty("scheduled").GetInt64().ShouldBe(1);
        JsonElement row = top.GetProperty("rows")[0];
        row.GetProperty("namespace").GetString().ShouldBe("orders");
        row.GetProperty("severity").GetString().ShouldBe("warning");
        row.GetProperty("problems")[0].GetString().ShouldBe("no listener");
        row.GetProperty("scheduled").GetInt64().ShouldBe(1);
        row.GetProperty("lastMinute").GetProperty("delivered").GetInt64().ShouldBe(0);
        top.GetProperty("lastMinute").GetProperty("deadLettered").GetInt64().ShouldBe(0);
        row.GetProperty("pause").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task Top_shows_what_lockers_have_done()
    {
        await using (SqliteStore store = await SqliteStore.OpenAsync($"{_folder}/top.db"))
        await using (var locker = new ProcessLocker(store, new() { Namespace = "reports" }))
        {
            await locker.RunOnceAsync("2026-11", (_, _) => Task.FromResult(1));
        }

        string[] lines = (await RunAsync("top")).Out.TrimEnd('\n').Split('\n');
        lines[^2..].ShouldBe(["LOCKER   RUNS  TAKEOVERS  FAILURES", "reports     1          0         0"]);
        JsonElement shown = (await RunAsync("top", "--json")).ReadJson().GetProperty("lockers")[0];
        (shown.GetProperty("namespace").GetString(), shown.GetProperty("runs").GetInt64(), shown.GetProperty("failures").GetInt64()).ShouldBe(("reports", 1, 0));
    }

    [Fact]
    public async Task Watch_shows_a_namespace()
    {
        await PostAsync("orders");
        string[] lines = (await RunAsync("timer", "watch", "orders")).Out.TrimEnd('\n').Split('\n');
        lines[1..].ShouldBe([
            "orders: no listener", "scheduled     1", "in flight     0", "dead letters  0", "last minute   0 delivered, 0 confirmed, 0 failed, 0 dead-lettered",
            "next minute       0", "next hour         0", "next day          1 #", "later             0", "nobody listens"]);

        JsonElement json = (await RunAsync("timer", "watch", "-n", "orders", "--json")).ReadJson();
        json.GetProperty("due")[2].GetProperty("count").GetInt64().ShouldBe(1);
        json.GetProperty("nodes").GetArrayLength().ShouldBe(0);

        CliResult unknown = await RunAsync("timer", "watch", "odrers");
        unknown.ExitCode.ShouldBe(ExitCodes.NotFound);
        unknown.Error.ShouldContain("there is no timer namespace 'odrers'");
    }

    [Fact]
    public async Task A_page_that_is_no_number_is_refused()
    {
        CliResult refused = await RunAsync("top", "--page", "0");
        refused.ExitCode.ShouldBe(ExitCodes.BadInput);
        refused.Error.ShouldContain("'--page'");
    }

    private Task<CliResult> RunAsync(params string[] args) => Tool.RunAsync([.. args, "--store", Store]);

    private async Task PostAsync(string ns) => (await RunAsync("timer", "post", "-n", ns, "--in", "2h")).ExitCode.ShouldBe(ExitCodes.Done);
}
