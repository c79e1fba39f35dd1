using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>Every command on a real Redis: the names in its JSON and its exit codes are a contract with scripts.</summary>
public sealed class TimerCommandTests : IClassFixture<RedisFixture>
{
    private readonly RedisNamespace _timers;

    public TimerCommandTests(RedisFixture redis) => _timers = redis.NewNamespace();

    [Fact]
    public async Task Post_tells_what_it_did()
    {
        (await _timers.RunAsync("post", "--id", "x", "--in", "1h", "--data", "1")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"created\"}\n");
        (await _timers.RunAsync("post", "--id", "x", "--in", "1h")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"replaced\"}\n");
        (await _timers.RunAsync("post", "--id", "x", "--in", "1h", "--if-exists", "keep")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"kept\"}\n");

        CliResult refused = await _timers.RunAsync("post", "--id", "x", "--in", "1h", "--if-exists", "fail");
        refused.Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"exists\"}\n");
        refused.ExitCode.ShouldBe(ExitCodes.Conflict);
        refused.Error.ShouldBe("latchwork: x: exists, and nothing was changed (--if-exists replace posts it all the same)\n");

        CliResult generated = await _timers.RunAsync("post", "--in", "1h");
        Guid.Parse(generated.ReadJson().GetProperty("id").GetString()!).Version.ShouldBe(7);
    }

    [Fact]
    public async Task Peek_shows_an_event()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "1h", "--data", "{\"big\":12345678901234567890.10}", "--max-retries", "3");
        CliResult peek = await _timers.RunAsync("peek", "x");
        peek.ExitCode.ShouldBe(ExitCodes.Done);
        JsonElement json = peek.ReadJson();
        json.GetProperty("id").GetString().ShouldBe("x");
        json.GetProperty("state").GetString().ShouldBe("scheduled");
        json.GetProperty("dueInMs").GetInt64().ShouldBeInRange(3_000_000, 3_600_000);
        json.GetProperty("retries").GetInt32().ShouldBe(0);
        json.GetProperty("maxRetries").GetInt32().ShouldBe(3);
        json.GetProperty("data").GetRawText().ShouldBe("{\"big\":12345678901234567890.10}");

        CliResult unknown = await _timers.RunAsync("peek", "y");
        unknown.ExitCode.ShouldBe(ExitCodes.NotFound);
        unknown.Out.ShouldBeEmpty();
        unknown.Error.ShouldStartWith("latchwork: y: not found ('timer upcoming' lists");
    }

    [Fact]
    public async Task Data_that_is_no_json_is_base64()
    {
        await _timers.RunWithInputAsync("plain text", "post", "--id", "x", "--in", "1h", "--data-file", "-");
        (await _timers.RunAsync("peek", "x")).ReadJson().GetProperty("dataBase64").GetString().ShouldBe("cGxhaW4gdGV4dA==");
        (await _timers.RunPlainAsync("peek", "x")).Out.ShouldContain("data      plain text");
    }

    [Fact]
    public async Task Cancel_and_delay_change_what_is_scheduled()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "1h");
        (await _timers.RunAsync("delay", "x", "2h")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"done\"}\n");
        (await _timers.RunAsync("peek", "x")).ReadJson().GetProperty("dueInMs").GetInt64().ShouldBeGreaterThan(3_700_000);
        (await _timers.RunAsync("cancel", "x")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"done\"}\n");
        foreach (string[] command in new string[][] { ["cancel", "x"], ["delay", "x", "1s"], ["confirm", "x", "--force"], ["confirm", "x", "--token", "t"], ["dead", "requeue", "x"], ["dead", "purge", "--id", "x"] })
        {
            CliResult result = await _timers.RunAsync(command);
            result.ExitCode.ShouldBe(ExitCodes.NotFound, string.Join(' ', command));
            result.Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"notFound\"}\n");
            result.Error.ShouldStartWith("latchwork: x: not found ('timer upcoming' lists");
        }
    }

    [Fact]
    public async Task Upcoming_lists_in_order_and_within_its_window()
    {
        foreach ((string id, string delay) in new[] { ("c", "3h"), ("a", "1h"), ("b", "2h") }) await _timers.RunAsync("post", "--id", id, "--in", delay, "--data", "{}");
        Ids(await _timers.RunAsync("upcoming")).ShouldBe("a b c");
        Ids(await _timers.RunAsync("upcoming", "--limit", "2")).ShouldBe("a b");
        Ids(await _timers.RunAsync("upcoming", "--offset", "90m")).ShouldBe("b c");
        Ids(await _timers.RunAsync("upcoming", "--offset", "90m", "--duration", "1h")).ShouldBe("b");
        string[] plain = (await _timers.RunPlainAsync("upcoming")).Lines;
        plain[0].ShouldStartWith("ID");
        plain.Length.ShouldBe(4);
    }

    [Fact]
    public async Task A_delivery_can_be_confirmed_with_its_token_only()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "0s", "--data", "1");
        CliResult listened = await _timers.RunAsync("listen", "--count", "1", "--no-confirm", "--lease", "1m", "--timeout", "2m");
        listened.ExitCode.ShouldBe(ExitCodes.Done, listened.Error);
        string token = listened.ReadJson().GetProperty("token").GetString()!;

        JsonElement peek = (await _timers.RunAsync("peek", "x")).ReadJson();
        peek.GetProperty("state").GetString().ShouldBe("inFlight");
        peek.GetProperty("token").GetString().ShouldBe(token);
        peek.GetProperty("begun").GetBoolean().ShouldBeTrue();
        JsonElement inFlight = (await _timers.RunAsync("in-flight")).ReadJson();
        inFlight.GetProperty("id").GetString().ShouldBe("x");
        inFlight.GetProperty("node").GetString().ShouldNotBeNullOrEmpty();
        inFlight.GetProperty("leaseLeftMs").GetInt64().ShouldBeInRange(1, 60_000);
        inFlight.GetProperty("claimedAt").GetDateTime().ShouldBe(peek.GetProperty("claimedAt").GetDateTime());
        string[] plain = (await _timers.RunPlainAsync("in-flight")).Lines;
        plain.Length.ShouldBe(2);
        plain[0].ShouldStartWith("ID");
        (await _timers.RunAsync("cancel", "x")).ExitCode.ShouldBe(ExitCodes.Conflict);
        (await _timers.RunAsync("delay", "x", "1s")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"inFlight\"}\n");
        CliResult stale = await _timers.RunAsync("confirm", "x", "--token", "other");
        stale.ExitCode.ShouldBe(ExitCodes.Conflict);
        stale.Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"stale\"}\n");
        (await _timers.RunAsync("confirm", "x", "--token", token)).ExitCode.ShouldBe(ExitCodes.Done);
        (await _timers.RunAsync("peek", "x")).ExitCode.ShouldBe(ExitCodes.NotFound);
        (await _timers.RunPlainAsync("in-flight")).Out.ShouldBe("nothing is in flight\n");
        (await _timers.RunPlainAsync("completed")).Out.ShouldBe("no completed event is kept\n");
    }

    [Fact]
    public async Task What_a_listener_keeps_is_listed_and_peeked()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "0s", "--data", "1");
        CliResult listened = await _timers.RunAsync("listen", "--count", "1", "--keep-completed", "1h", "--node", "here", "--timeout", "2m");
        listened.ExitCode.ShouldBe(ExitCodes.Done, listened.Error);

        JsonElement line = (await _timers.RunAsync("completed", "--limit", "5")).ReadJson();
        line.GetProperty("id").GetString().ShouldBe("x");
        line.GetProperty("state").GetString().ShouldBe("completed");
        line.GetProperty("node").GetString().ShouldBe("here");
        line.GetProperty("outcome").GetString().ShouldBe("succeeded");
        line.GetProperty("completedAt").GetDateTime().ShouldBeGreaterThanOrEqualTo(line.GetProperty("claimedAt").GetDateTime());
        line.TryGetProperty("data", out _).ShouldBeFalse("it is not kept");
        (await _timers.RunAsync("peek", "x")).ReadJson().GetRawText().ShouldBe(line.GetRawText());
        string[] plain = (await _timers.RunPlainAsync("completed")).Lines;
        plain.Length.ShouldBe(2);
        plain[0].ShouldStartWith("ID");
        (await _timers.RunPlainAsync("peek", "x")).Out.ShouldContain("completed at");
        (await _timers.RunAsync("confirm", "x", "--force")).ExitCode.ShouldBe(ExitCodes.NotFound);
    }

    [Fact]
    public async Task Force_confirms_without_a_token_but_only_in_flight()
    {
        await _timers.RunAsync("post", "--id", "x", "--in", "1h");
        CliResult scheduled = await _timers.RunAsync("confirm", "x", "--force");
        scheduled.ExitCode.ShouldBe(ExitCodes.Conflict);
        scheduled.Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"scheduled\"}\n");
        await _timers.RunAsync("delay", "x", "0s");
        await _timers.RunAsync("listen", "--count", "1", "--no-confirm", "--lease", "1m", "--timeout", "2m");
        (await _timers.RunAsync("confirm", "x", "--force")).Out.ShouldBe("{\"id\":\"x\",\"outcome\":\"done\"}\n");
    }

    [Fact]
    public async Task Dead_events_are_listed_requeued_and_purged()
    {
        foreach (string id in new[] { "a", "b" }) await _timers.RunAsync("post", "--id", id, "--in", "0s", "--data", "1", "--max-retries", "0");
        CliResult failed = await _timers.RunAsync("listen", "--count", "2", "--exec", "echo broken >&2; exit 3", "--timeout", "2m");
        failed.ExitCode.ShouldBe(ExitCodes.Done, failed.Error);

        CliResult list = await _timers.RunAsync("dead-letters", "list");
        list.Lines.Length.ShouldBe(2);
        JsonElement first = JsonDocument.Parse(list.Lines[0]).RootElement;
        first.GetProperty("state").GetString().ShouldBe("deadLettered");
        first.GetProperty("reason").GetString().ShouldBe("retriesExhausted");
        first.GetProperty("failures")[0].GetProperty("error").GetString().ShouldBe("exit code 3: broken");
        (await _timers.RunAsync("dead-letters", "list", "--reason", "rejected")).Out.ShouldBeEmpty();
        (await _timers.RunPlainAsync("dead-letters", "list")).Out.ShouldContain("exit code 3: broken");
        (await _timers.RunAsync("delay", "a", "1h")).Out.ShouldBe("{\"id\":\"a\",\"outcome\":\"deadLettered\"}\n");

        (await _timers.RunAsync("dead-letters", "requeue", "a", "--in", "1h")).Out.ShouldBe("{\"id\":\"a\",\"outcome\":\"done\"}\n");
        (await _timers.RunAsync("dead-letters", "purge", "--older-than", "1h")).Out.ShouldBe("{\"purged\":0}\n");
        (await _timers.RunAsync("dead-letters", "requeue", "--all", "--in", "1h")).Out.ShouldBe("{\"requeued\":1}\n");
        (await _timers.RunAsync("dead-letters", "purge", "--all")).Out.ShouldBe("{\"purged\":0}\n");
        (await _timers.RunAsync("stats")).ReadJson().GetProperty("scheduled").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task Stats_nodes_and_namespaces_have_their_names()
    {
        await _timers.RunAsync("post", "--in", "1h");
        JsonElement stats = (await _timers.RunAsync("stats")).ReadJson();
        stats.GetProperty("namespace").GetString().ShouldBe(_timers.Name);
        stats.GetProperty("scheduled").GetInt32().ShouldBe(1);
        stats.GetProperty("inFlight").GetInt32().ShouldBe(0);
        stats.GetProperty("deadLetters").GetInt32().ShouldBe(0);
        stats.GetProperty("deadLettersEvicted").GetInt32().ShouldBe(0);
        stats.GetProperty("oldestOverdueMs").ValueKind.ShouldBe(JsonValueKind.Null);
        JsonElement counters = stats.GetProperty("counters");
        counters.GetProperty("totals").GetProperty("posted").GetInt64().ShouldBe(1);
        counters.GetProperty("totals").GetProperty("deadLetterReasons").GetProperty("rejected").GetInt64().ShouldBe(0);
        counters.GetProperty("minutes").EnumerateArray().Single().GetProperty("posted").GetInt64().ShouldBe(1);
        counters.GetProperty("hours").EnumerateArray().Single().GetProperty("posted").GetInt64().ShouldBe(1);
        (await _timers.RunPlainAsync("stats")).Lines.ShouldContain(line => line.StartsWith("posted ", StringComparison.Ordinal));

        (await _timers.RunAsync("namespaces")).Lines.ShouldContain($"{{\"namespace\":\"{_timers.Name}\"}}");

        await using CliProcess listener = _timers.Start("listen", "--node", "one");
        JsonElement node = JsonDocument.Parse((await _timers.HasListenersAsync(1))[0]).RootElement;
        node.GetProperty("node").GetString().ShouldBe("one");
        node.GetProperty("state").GetString().ShouldBe("listening");
        node.GetProperty("inFlight").GetInt32().ShouldBe(0);
        node.GetProperty("lastSeenMs").GetInt64().ShouldBeGreaterThanOrEqualTo(0);
    }

    [Fact]
    public async Task A_namespace_is_paused_and_resumed_and_says_so()
    {
        (await _timers.RunAsync("pause")).ExitCode.ShouldBe(ExitCodes.NotFound, "a name that was misspelt pauses nothing");
        await _timers.RunAsync("post", "--id", "x", "--in", "0s");
        JsonElement pause = (await _timers.RunAsync("pause", "--reason", "why: \"x\"", "--by", "anna")).ReadJson().GetProperty("pause");
        (pause.GetProperty("by").GetString(), pause.GetProperty("reason").GetString()).ShouldBe(("anna", "why: \"x\""));
        pause.GetProperty("since").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(5));
        (await _timers.RunAsync("pause", "--reason", "other")).ReadJson().GetProperty("pause").GetRawText().ShouldBe(pause.GetRawText(), "the first stays");

        (await _timers.RunAsync("stats")).ReadJson().GetProperty("pause").GetRawText().ShouldBe(pause.GetRawText());
        (await _timers.RunPlainAsync("stats")).Out.ShouldContain("paused        by anna since ");
        (await Tool.RunAsync("--store", _timers.Store, "timer", "stats", "--all")).Out.ShouldContain("by anna since ");
        CliResult listened = await _timers.RunAsync("listen", "--count", "1", "--timeout", "2s");
        (listened.ExitCode, listened.Out).ShouldBe((ExitCodes.TimedOut, ""));

        (await _timers.RunPlainAsync("resume")).Out.ShouldStartWith($"{_timers.Name}: resumed; it was paused by anna since ");
        (await _timers.RunAsync("resume")).ReadJson().GetProperty("pause").ValueKind.ShouldBe(JsonValueKind.Null);
        (await _timers.RunAsync("stats")).ReadJson().GetProperty("pause").ValueKind.ShouldBe(JsonValueKind.Null);
        (await _timers.RunAsync("listen", "--count", "1", "--timeout", "2m")).ExitCode.ShouldBe(ExitCodes.Done);
        (await _timers.RunPlainAsync("pause")).Out.ShouldContain($"paused by {Environment.UserName}@{Environment.MachineName} since ");
        (await _timers.RunAsync("pause", "--reason", new string('x', 1_025))).Error.ShouldContain("'--reason' must have 0 to 1024 bytes of UTF-8; it has 1025");
    }

    [Fact]
    public async Task Nodes_of_all_namespaces_are_listed_with_their_namespaces_and_what_is_closed_disturbs_nobody()
    {
        await using CliProcess here = _timers.Start("listen", "--node", "one");
        RedisNamespace other = _timers with { Name = $"{_timers.Name}-other" };
        await using CliProcess there = other.Start("listen", "--node", "two");
        await _timers.HasListenersAsync(1);
        await other.HasListenersAsync(1);
        RedisNamespace moved = _timers with { Name = $"{_timers.Name}-moved" };
        await moved.RunAsync("post", "--in", "1h");
        (await Tool.RunAsync("move", "--from", moved.Store, "--to", $"{moved.Store}&prefix=elsewhere:", "--namespace", moved.Name)).ExitCode.ShouldBe(ExitCodes.Done);

        CliResult all = await Tool.RunAsync("--store", _timers.Store, "--json", "timer", "nodes", "--all");

        (string?, string?)[] found = [.. all.Lines.Select(line => JsonDocument.Parse(line).RootElement).Select(json => (json.GetProperty("namespace").GetString(), json.GetProperty("node").GetString()))];
        found.ShouldContain((_timers.Name, "one"));
        found.ShouldContain((other.Name, "two"));
        all.ExitCode.ShouldBe(ExitCodes.Done);
        all.Error.ShouldContain($"'{moved.Name}' is closed");
        (await Tool.RunAsync("--store", _timers.Store, "timer", "nodes", "--all")).Out.ShouldStartWith("NAMESPACE ");
        (await _timers.RunAsync("nodes", "--all")).ExitCode.ShouldBe(ExitCodes.BadInput);
    }

    private static string Ids(CliResult result) => string.Join(' ', result.Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()));
}
