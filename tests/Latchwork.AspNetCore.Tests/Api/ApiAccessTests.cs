using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

public sealed class ApiAccessTests
{
    [Fact]
    public async Task Without_policies_it_only_reads_and_hides_payloads_outside_development()
    {
        await using ApiHost host = await StartAsync(_ => { });
        await new DistributedTimer(host.Store, new() { Namespace = "ns" }).PostAsync("secret", TimeSpan.FromHours(1), new() { Id = "x", Headers = new Dictionary<string, string> { ["h"] = "secret" } });
        JsonElement shown = (await host.GetAsync("timers/event", ("namespace", "ns"), ("id", "x"))).Body;
        shown.GetProperty("payloadIsHidden").GetBoolean().ShouldBeTrue();
        shown.ToString().ShouldNotContain("secret");
        (await host.GetAsync("timers/upcoming", ("namespace", "ns"))).Body.ToString().ShouldNotContain("secret");
        (int status, JsonElement problem) = await host.PostAsync("timers/cancel", new { @namespace = "ns", id = "x" });
        (status, problem.GetProperty("detail").GetString()!.Contains("read-only", StringComparison.Ordinal)).ShouldBe((403, true));
    }

    [Fact]
    public async Task A_claim_gives_payloads_and_so_needs_their_policy()
    {
        await using ApiHost host = await StartAsync(options => options.ChangePolicy = "anybody");
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x" });
        (await host.PostAsync("timers/claim", new { @namespace = "ns" })).Status.ShouldBe(403);
        (await host.PostAsync("locks/request", new { key = "k" })).Status.ShouldBe(403);
        (await host.GetAsync("locks/result", ("key", "k"))).Status.ShouldBe(403);
    }

    [Fact]
    public async Task A_policy_that_refuses_is_obeyed()
    {
        await using ApiHost host = await StartAsync(options => options.ReadPolicy = options.ChangePolicy = "nobody");
        (await host.GetAsync("timers/namespaces")).Status.ShouldBe(403);
        (await host.PostAsync("timers/post", new { @namespace = "ns" })).Status.ShouldBe(403);
    }

    [Fact]
    public async Task A_change_answers_with_what_it_read_and_so_needs_both_policies()
    {
        await using ApiHost host = await StartAsync(options => (options.ReadPolicy, options.ChangePolicy, options.PayloadPolicy) = ("nobody", "anybody", "anybody"));
        foreach ((string path, object body) in new (string, object)[] { ("timers/post", new { @namespace = "ns" }), ("timers/claim", new { @namespace = "ns", wait = "0s" }), ("locks/request", new { key = "k" }) })
        {
            (int status, JsonElement problem) = await host.PostAsync(path, body);
            (status, problem.GetProperty("detail").GetString()).ShouldBe((403, "The policy for reading refuses this user."), path);
        }
    }

    [Fact]
    public async Task Who_pauses_is_the_user_whom_the_policy_admits()
    {
        await using ApiHost host = await StartAsync(options => options.ChangePolicy = "users");
        await host.PostAsync("timers/post", new { @namespace = "ns", id = "x" }, "alice");
        (await host.PostAsync("timers/pause", new { @namespace = "ns" }, "alice")).Body.GetProperty("by").GetString().ShouldBe("alice");
    }

    [Fact]
    public async Task A_policy_that_does_not_exist_keeps_the_host_from_starting() =>
        (await Should.ThrowAsync<InvalidOperationException>(() => StartAsync(options => options.ChangePolicy = "no such"))).Message.ShouldContain("'no such'");

    [Theory]
    [InlineData("text/plain", null, null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/x-www-form-urlencoded", null, null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json", "Sec-Fetch-Site", "cross-site", HttpStatusCode.Forbidden)]
    [InlineData("application/json", "Cookie", "session=1", HttpStatusCode.Forbidden)]
    [InlineData("application/json", "Sec-Fetch-Site", "same-origin", HttpStatusCode.Created)]
    public async Task A_page_of_another_site_cannot_change_anything(string type, string? header, string? value, HttpStatusCode expected)
    {
        await using ApiHost host = await ApiHost.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, "timers/post") { Content = new StringContent("{\"namespace\":\"ns\",\"id\":\"x\",\"delay\":\"1h\"}", Encoding.UTF8, type) };
        if (header is not null) request.Headers.TryAddWithoutValidation(header, value);
        using HttpClient client = new(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = host.Client.BaseAddress };
        using HttpResponseMessage answer = await client.SendAsync(request);
        answer.StatusCode.ShouldBe(expected);
        (await host.GetAsync("timers/event", ("namespace", "ns"), ("id", "x"))).Status.ShouldBe(expected == HttpStatusCode.Created ? 200 : 404);
    }

    [Theory]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"idd\":\"x\"}", "idd")]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"id\":\"x\",\"id\":\"y\"}", "id")]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"id\":7}", "$.id")]
    [InlineData("timers/post", "{\"id\":\"x\"}", "'namespace' is needed")]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"delay\":\"10\"}", "'delay' must be a duration")]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"delay\":\"-1s\"}", "'delay' must be between")]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"delay\":\"1s\",\"due\":\"2030-01-01\"}", "exclude each other")]
    [InlineData("timers/post", "{\"namespace\":\"ns\",\"ifExists\":\"maybe\"}", "replace, fail, keep")]
    [InlineData("timers/post", "not json", "'body'")]
    [InlineData("timers/post", "", "'body'")]
    [InlineData("timers/post", "null", "'body'")]
    [InlineData("timers/claim", "{\"namespace\":\"ns\",\"wait\":\"61s\"}", "'wait' must be between")]
    [InlineData("timers/claim", "{\"namespace\":\"ns\",\"max\":201}", "'max' must be between 1 and 200; it is 201")]
    [InlineData("timers/claim", "{\"namespace\":\"ns\",\"lease\":\"2d\"}", "'lease' must be between")]
    [InlineData("timers/confirm", "{\"namespace\":\"ns\",\"id\":\"x\"}", "'token' is needed")]
    [InlineData("timers/dead-letters/purge", "{\"namespace\":\"ns\"}", "One of 'id', 'ids' and 'all'")]
    [InlineData("schedules/put", "{\"namespace\":\"ns\",\"id\":\"x\"}", "One of 'cron' and 'every'")]
    [InlineData("schedules/put", "{\"namespace\":\"ns\",\"id\":\"x\",\"cron\":\"what\"}", "cron")]
    [InlineData("locks/publish", "{\"key\":\"k\",\"token\":\"x\",\"data\":1}", "'token' must be the token")]
    public async Task Bad_input_is_named(string path, string body, string expected)
    {
        await using ApiHost host = await ApiHost.StartAsync();
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await host.Client.PostAsync(path, content);
        (int status, JsonElement problem) = await ApiHost.ReadAsync(answer);
        status.ShouldBe(400);
        problem.GetProperty("detail").GetString()!.ShouldContain(expected);
        problem.TryGetProperty("argument", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Bodies_and_payloads_have_bounds()
    {
        await using ApiHost host = await ApiHost.StartAsync(configure: options =>
        {
            options.ChangePolicy = "anybody";
            options.MaxPayloadBytes = 1_000;
        });
        (await host.PostAsync("timers/post", new { @namespace = "ns", data = new string('x', 999) })).Status.ShouldBe(400);
        (await host.PostAsync("timers/post", new { @namespace = "ns", data = new string('x', 100_000) })).Status.ShouldBe(413);
        (await host.PostAsync("timers/post-many", new { @namespace = "ns", events = Enumerable.Range(0, 201).Select(i => new { id = $"{i}" }) })).Status.ShouldBe(400);
    }

    [Fact]
    public async Task A_store_that_fails_is_a_problem_that_says_whether_the_outcome_is_known()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        host.Store.Faults.FailAlways("PostAsync", Fault.ReplyLost);
        using HttpResponseMessage answer = await host.Client.PostAsJsonAsync("timers/post", new { @namespace = "ns", id = "x" });
        (int status, JsonElement problem) = await ApiHost.ReadAsync(answer);
        (status, problem.GetProperty("outcome").GetString(), problem.GetProperty("outcomeIsKnown").GetBoolean()).ShouldBe((503, "unknown", false));
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
        host.Store.Faults.FailAlways("PostAsync", Fault.FailedTask);
        (status, problem) = await host.PostAsync("timers/post", new { @namespace = "ns", id = "x" });
        (status, problem.GetProperty("outcome").GetString(), problem.GetProperty("outcomeIsKnown").GetBoolean()).ShouldBe((503, "notApplied", true));
    }

    [Fact]
    public async Task A_batch_that_failed_in_part_says_what_became_of_each()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        // Of more than a mebibyte, which goes in two pieces.
        object[] events = [.. Enumerable.Range(0, 3).Select(i => new { id = $"{i}", delay = "1h", data = new string('x', 500_000) })];
        host.Store.Faults.Fail("PostAsync", Fault.FailedTask);
        (int status, JsonElement problem) = await host.PostAsync("timers/post-many", new { @namespace = "ns", events });
        (status, problem.GetProperty("outcome").GetString(), problem.GetProperty("outcomeIsKnown").GetBoolean()).ShouldBe((503, "notApplied", true), problem.ToString());
        string[] outcomes = [.. problem.GetProperty("events").EnumerateArray().Select(one => one.GetProperty("outcome").GetString()!)];
        outcomes[..2].ShouldBe(["notApplied", "notApplied"]);
        int posted = problem.GetProperty("posted").GetInt32();
        posted.ShouldBe(outcomes.Count(outcome => outcome == "created"));
        (await host.GetAsync("timers/upcoming", ("namespace", "ns"))).Body.GetProperty("items").GetArrayLength().ShouldBe(posted);

        host.Store.Faults.FailAlways("PostAsync", Fault.ReplyLost);
        (status, problem) = await host.PostAsync("timers/post-many", new { @namespace = "ns", events = new object[] { new { id = "a", delay = "1h" }, new { delay = "1h" } } });
        (status, problem.GetProperty("outcome").GetString(), problem.GetProperty("outcomeIsKnown").GetBoolean(), problem.GetProperty("posted").GetInt32()).ShouldBe((503, "unknown", false, 0));
        problem.GetProperty("events").EnumerateArray().ShouldAllBe(one => one.GetProperty("outcome").GetString() == "unknown");
    }

    [Fact]
    public async Task A_batch_whose_client_went_away_is_no_failure_of_the_store()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        TaskCompletionSource hold = host.Store.Faults.Hold("PostAsync");
        using CancellationTokenSource gone = new();
        // Of one id, and of more than a mebibyte: the second is sent when the first is done.
        object[] events = [.. Enumerable.Range(0, 2).Select(_ => new { id = "x", data = new string('x', 600_000) })];
        Task<HttpResponseMessage> posting = host.Client.PostAsJsonAsync("timers/post-many", new { @namespace = "ns", events }, gone.Token);
        await Eventually.HoldsAsync(() => host.Store.Faults.Calls("PostAsync") == 1, "the first is sent");
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(posting);
        await Eventually.HoldsAsync(() => host.Aborted == 1, "the server has found it closed");
        hold.SetResult();
        await Eventually.HoldsAsync(() => host.Ended == 1, "the request has ended");
        host.Store.Faults.Calls("PostAsync").ShouldBe(1);
        host.Log.Lines.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_selection_of_dead_letters_that_failed_in_part_says_what_became_of_each()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DeadLetterAsync("ns", "0", "1", "2", "3");
        int calls = 0;
        host.Store.Faults.Answered = operation =>
        {
            if (operation == "PurgeAsync" && Interlocked.Increment(ref calls) == 2) host.Store.Faults.FailAlways("PurgeAsync", Fault.ReplyLost);
        };
        (int status, JsonElement problem) = await host.PostAsync("timers/dead-letters/purge", new { @namespace = "ns", ids = new[] { "0", "gone", "1", "2", "3" } });
        (status, problem.GetProperty("changed").GetInt32(), problem.GetProperty("outcomeIsKnown").GetBoolean()).ShouldBe((503, 1, false), problem.ToString());
        problem.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("outcome").GetString()).ShouldBe(["done", "notFound", "unknown", "notApplied", "notApplied"]);
        problem.GetProperty("detail").GetString()!.ShouldContain("1 of 5 were done, then the store failed");
        problem.GetProperty("detail").GetString()!.ShouldContain("Whether '1' was done is not known. 2 were not tried: '2', '3'.");
        host.Store.Faults.Answered = null;
        host.Store.Faults.FailAlways("PurgeAsync", Fault.FailedTask);
        (status, problem) = await host.PostAsync("timers/dead-letters/purge", new { @namespace = "ns", all = true });
        (status, problem.GetProperty("changed").GetInt32(), problem.GetProperty("outcome").GetString()).ShouldBe((503, 0, "notApplied"));
    }

    [Fact]
    public async Task What_is_let_go_of_or_breaks_is_no_conflict()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x", delay = "1h" });
        host.Store.Faults.AfterAnswer = operation => operation == "PeekAsync" ? throw new ObjectDisposedException("a connection") : Task.CompletedTask;
        using HttpResponseMessage answer = await host.Client.GetAsync("timers/event?namespace=ns&id=x");
        (await ApiHost.ReadAsync(answer)).Body.GetProperty("outcomeIsKnown").GetBoolean().ShouldBeFalse();
        ((int)answer.StatusCode, answer.Headers.RetryAfter?.Delta).ShouldBe((503, TimeSpan.FromSeconds(1)));
        host.Store.Faults.AfterAnswer = operation => operation == "PeekAsync" ? throw new InvalidOperationException("a bug") : Task.CompletedTask;
        using HttpResponseMessage broken = await host.Client.GetAsync("timers/event?namespace=ns&id=x");
        ((int)broken.StatusCode).ShouldBe(500);
    }

    [Fact]
    public async Task Lists_come_in_pages_by_cursor()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        for (int i = 0; i < 25; i++) await host.DoAsync("timers/post", new { @namespace = "ns", id = $"é/{i:00}", delay = $"{i + 1}h" });
        List<string> ids = [];
        string? cursor = null;
        do
        {
            (string, string)[] query = [("namespace", "ns"), ("limit", "10"), .. cursor is null ? Array.Empty<(string, string)>() : [("cursor", cursor)]];
            JsonElement page = (await host.GetAsync("timers/upcoming", query)).Body;
            ids.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            cursor = page.TryGetProperty("cursor", out JsonElement next) ? next.GetString() : null;
        }
        while (cursor is not null);
        ids.ShouldBe(Enumerable.Range(0, 25).Select(i => $"é/{i:00}"));
        foreach (string bad in new[] { "x", "!!!", "MCB4", "OSBh" }) (await host.GetAsync("timers/upcoming", ("namespace", "ns"), ("cursor", bad))).Status.ShouldBe(400, bad);
    }

    [Fact]
    public async Task Dead_letters_are_requeued_and_purged_one_a_selection_or_all()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DeadLetterAsync("ns", "0", "1", "2", "3", "4", "5");
        (await host.GetAsync("timers/dead-letters", ("namespace", "ns"), ("reason", "rejected"))).Body.GetProperty("items").GetArrayLength().ShouldBe(6);
        (await host.GetAsync("timers/dead-letters", ("namespace", "ns"), ("reason", "leaseExpired"))).Body.GetProperty("items").GetArrayLength().ShouldBe(0);
        (await host.DoAsync("timers/dead-letters/requeue", new { @namespace = "ns", id = "0", delay = "1h" })).GetProperty("changed").GetInt32().ShouldBe(1);
        JsonElement some = await host.DoAsync("timers/dead-letters/purge", new { @namespace = "ns", ids = new[] { "0", "1", "2" } });
        some.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("outcome").GetString()).ShouldBe(["notFound", "done", "done"]);
        (await host.DoAsync("timers/dead-letters/requeue", new { @namespace = "ns", all = true, reason = "leaseExpired" })).GetProperty("changed").GetInt32().ShouldBe(0);
        (await host.DoAsync("timers/dead-letters/purge", new { @namespace = "ns", all = true })).GetProperty("changed").GetInt32().ShouldBe(3);
        (await host.GetAsync("timers/stats", ("namespace", "ns"))).Body.GetProperty("scheduled").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task It_is_described_and_no_path_has_a_parameter()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        using HttpClient client = new() { BaseAddress = new Uri(host.Address) };
        using JsonDocument document = JsonDocument.Parse(await client.GetStringAsync("/openapi/v1.json"));
        JsonElement paths = document.RootElement.GetProperty("paths");
        paths.EnumerateObject().Count().ShouldBeGreaterThanOrEqualTo(32);
        paths.EnumerateObject().ShouldAllBe(path => !path.Name.Contains('{'));
        paths.GetProperty("/latchwork/api/timers/post").GetProperty("post").GetProperty("requestBody").GetProperty("content").TryGetProperty("application/json", out _).ShouldBeTrue();
        paths.GetProperty("/latchwork/api/timers/upcoming").GetProperty("get").GetProperty("parameters").EnumerateArray().Select(one => one.GetProperty("name").GetString()).ShouldContain("cursor");
    }

    [Fact]
    public async Task Each_keyed_store_has_an_API_of_its_own()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.WebHost.UseTestServer();
        builder.Services.AddLatchwork().UseInMemory().AddHttpApi();
        builder.Services.AddKeyedLatchwork("jobs").UseInMemory().AddHttpApi();
        await using WebApplication app = builder.Build();
        app.MapLatchworkApi("/main").AllowAnonymous();
        app.MapLatchworkApi("/jobs", "jobs").AllowAnonymous();
        Should.Throw<InvalidOperationException>(() => app.MapLatchworkApi("/other", "other")).Message.ShouldContain("AddKeyedLatchwork(\"other\", …)");
        await app.StartAsync();
        await new DistributedTimer(app.Services.GetRequiredKeyedService<LatchworkStore>("jobs"), new() { Namespace = "ns" }).PostAsync("x", TimeSpan.FromHours(1));

        (await app.GetTestClient().GetStringAsync("/jobs/timers/namespaces")).ShouldBe("{\"namespaces\":[\"ns\"]}");
        (await app.GetTestClient().GetStringAsync("/main/timers/namespaces")).ShouldBe("{\"namespaces\":[]}");
    }

    private static Task<ApiHost> StartAsync(Action<HttpApiOptions> configure) => ApiHost.StartAsync(
        "Production", configure, app => app.MapLatchworkApi("/latchwork/api").AllowAnonymous());
}
