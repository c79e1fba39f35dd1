using System.Net.Http.Json;
using System.Text.Json;
using Latchwork.Api;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

public sealed class ClaimTests
{
    [Fact]
    public async Task A_repetition_waits_for_the_claim_whose_deliveries_are_kept_also_when_one_between_them_was_given_up()
    {
        var turns = new ClaimTurns(10);
        var key = new ClaimKey("ns", "somebody", new string('a', ClaimKey.MinToken));
        ClaimTurns.Turn first = turns.Enter(key);
        turns.Enter(key).Dispose(); // its client has gone while the first was still extending

        using ClaimTurns.Turn third = turns.Enter(key);
        third.Before.IsCompleted.ShouldBeFalse();

        first.Dispose();
        await third.Before.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task It_waits_for_what_is_posted_and_answers_an_empty_list_when_nothing_comes()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        (await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
        Task<JsonElement> waiting = host.DoAsync("timers/claim", new { @namespace = "ns", wait = "60s" });
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x", delay = "100ms", data = new { n = 1.50 }, headers = new { a = "b" } });
        JsonElement delivery = (await waiting).GetProperty("deliveries")[0];
        delivery.GetProperty("data").GetProperty("n").GetRawText().ShouldBe("1.5");
        delivery.GetProperty("headers").GetProperty("a").GetString().ShouldBe("b");
        delivery.GetProperty("retries").GetInt32().ShouldBe(0);
        delivery.GetProperty("leaseLeftMs").GetInt64().ShouldBeInRange(1, 30_000);
    }

    [Fact]
    public async Task Bytes_that_are_no_JSON_come_back_as_base64()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        byte[] bytes = [0, 255, 1, 2];
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x", dataBase64 = Convert.ToBase64String(bytes) });
        JsonElement delivery = (await host.DoAsync("timers/claim", new { @namespace = "ns" })).GetProperty("deliveries")[0];
        delivery.GetProperty("dataBase64").GetBytesFromBase64().ShouldBe(bytes);
    }

    [Theory]
    [InlineData("\"\\ud800\"")]
    [InlineData("deep")]
    public async Task JSON_that_cannot_be_written_comes_as_base64_and_holds_up_no_other(string payload)
    {
        await using ApiHost host = await ApiHost.StartAsync();
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(payload == "deep" ? new string('[', 126) + new string(']', 126) : payload);
        var timer = new DistributedTimer(host.Store, new() { Namespace = "ns" });
        await timer.PostAsync(bytes, TimeSpan.Zero, new() { Id = "odd" });
        await timer.PostAsync("1"u8.ToArray(), TimeSpan.Zero, new() { Id = "plain" });
        JsonElement deliveries = (await host.DoAsync("timers/claim", new { @namespace = "ns", max = 2 })).GetProperty("deliveries");
        deliveries.GetArrayLength().ShouldBe(2);
        deliveries.EnumerateArray().Single(one => one.GetProperty("id").GetString() == "odd").GetProperty("dataBase64").GetBytesFromBase64().ShouldBe(bytes);
        (await host.GetAsync("timers/event", ("namespace", "ns"), ("id", "odd"))).Status.ShouldBe(200);
    }

    private const string Mine = "0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task A_lost_answer_can_be_asked_for_again_with_the_same_token()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x" });
        JsonElement first = (await host.DoAsync("timers/claim", new { @namespace = "ns", token = Mine, wait = "0s" })).GetProperty("deliveries")[0];
        JsonElement again = (await host.DoAsync("timers/claim", new { @namespace = "ns", token = Mine, wait = "0s" })).GetProperty("deliveries")[0];
        again.GetProperty("token").GetString().ShouldBe(first.GetProperty("token").GetString());
        (await host.DoAsync("timers/claim", new { @namespace = "ns", token = new string('a', 32), wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
        await host.DoAsync("timers/confirm", new { @namespace = "ns", id = "x", token = first.GetProperty("token").GetString() });
        host.Api.Answers.Count.ShouldBe(0);
        (await host.DoAsync("timers/claim", new { @namespace = "ns", token = Mine, wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task A_client_that_chose_no_token_is_given_one()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x" });
        JsonElement claim = await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "0s" });
        string token = claim.GetProperty("token").GetString()!;
        token.Length.ShouldBe(32);
        (await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
        (await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "0s", token })).GetProperty("deliveries")[0].GetProperty("token").GetString()
            .ShouldBe(claim.GetProperty("deliveries")[0].GetProperty("token").GetString());
    }

    [Theory]
    [InlineData("mine")]
    [InlineData("0123456789abcdef0123456789abcde")]
    [InlineData("0123456789abcdef0123456789abcde ")]
    [InlineData("0123456789abcdef0123456789abcdeé")]
    public async Task A_token_that_could_be_guessed_is_refused(string token)
    {
        await using ApiHost host = await ApiHost.StartAsync();
        foreach ((string path, object body) in new (string, object)[] { ("timers/claim", new { @namespace = "ns", wait = "0s", token }), ("locks/request", new { key = "k", token }) })
        {
            (int status, JsonElement problem) = await host.PostAsync(path, body);
            (status, problem.GetProperty("argument").GetString()).ShouldBe((400, "token"), path);
            problem.GetProperty("detail").GetString()!.ShouldContain("must have 32 to 128 letters");
        }
    }

    [Fact]
    public async Task Only_the_user_who_claimed_gets_the_answer_again()
    {
        await using ApiHost host = await ApiHost.StartAsync(configure: options => options.ChangePolicy = "users");
        await host.PostAsync("timers/post", new { @namespace = "ns", id = "x" }, "alice");
        object claim = new { @namespace = "ns", token = Mine, wait = "0s" };
        (await host.PostAsync("timers/claim", claim, "alice")).Body.GetProperty("deliveries").GetArrayLength().ShouldBe(1);
        (await host.PostAsync("timers/claim", claim, "mallory")).Body.GetProperty("deliveries").GetArrayLength().ShouldBe(0);
        (await host.PostAsync("timers/claim", claim, "alice")).Body.GetProperty("deliveries").GetArrayLength().ShouldBe(1);
        (await host.PostAsync("timers/claim", claim)).Status.ShouldBe(403);

        // Nor does another user who knows the token get the key.
        (await host.PostAsync("locks/request", new { key = "k", token = Mine, wait = "0s" }, "alice")).Status.ShouldBe(201);
        (await host.PostAsync("locks/request", new { key = "k", token = Mine, wait = "0s" }, "mallory")).Status.ShouldBe(504);
        (await host.PostAsync("locks/request", new { key = "k", token = Mine, wait = "0s" }, "alice")).Status.ShouldBe(201);
    }

    [Fact]
    public async Task A_repetition_takes_the_turn_of_the_claim_that_waits()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        object claim = new { @namespace = "ns", token = Mine, wait = "60s" };
        Task<(int Status, JsonElement Body)> first = host.PostAsync("timers/claim", claim);
        await Eventually.HoldsAsync(() => !host.Store.Faults.Claims.IsEmpty, "it waits");
        Task<(int Status, JsonElement Body)> second = host.PostAsync("timers/claim", claim);
        (int status, JsonElement problem) = await first.WaitAsync(TimeSpan.FromSeconds(30));
        (status, problem.GetProperty("result").GetString()).ShouldBe((409, "superseded"));
        second.IsCompleted.ShouldBeFalse();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x" });
        (await second).Body.GetProperty("deliveries")[0].GetProperty("retries").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task What_was_given_to_a_repetition_is_not_handed_back_by_the_claim_before()
    {
        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        using var answers = new ClaimAnswers(TimeProvider.System);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "x" });
        ClaimKey key = new("ns", "alice", Mine);
        ClaimAnswers.GivenClaim given = answers.Add(key, await timer.ReceiveAsync(1, TimeSpan.FromSeconds(30)));
        answers.Again(key with { User = "mallory" }).ShouldBeEmpty();
        answers.Again(key).ShouldHaveSingleItem();
        answers.TryTakeBack(given).ShouldBeFalse();

        ClaimAnswers.GivenClaim other = answers.Add(key with { Token = "other" }, answers.Again(key));
        answers.TryTakeBack(other).ShouldBeTrue();
        answers.Again(key with { Token = "other" }).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_was_given_is_kept_while_its_lease_lasts_and_no_longer()
    {
        var clock = new ManualTimeProvider();
        await using var store = new InMemoryStore(clock);
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns", TimeProvider = clock });
        using var answers = new ClaimAnswers(clock);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "x" });
        ClaimKey key = new("ns", "", Mine);
        TimerDelivery delivery = (await timer.ReceiveAsync(1, TimeSpan.Zero, TimeSpan.FromSeconds(15))).ShouldHaveSingleItem();
        answers.Add(key, [delivery]);
        clock.Advance(TimeSpan.FromSeconds(14));
        answers.Again(key).ShouldHaveSingleItem();
        answers.OnExtended("ns", "x", delivery.Token, TimeSpan.FromSeconds(30));
        clock.Advance(TimeSpan.FromSeconds(20));
        answers.Count.ShouldBe(1);
        clock.Advance(TimeSpan.FromSeconds(21));
        answers.Count.ShouldBe(0);
        answers.Again(key).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_ended_at_another_server_is_held_by_none()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await using ApiHost other = await ApiHost.StartAsync(store: host.Store);
        foreach (string id in new[] { "a", "b", "c", "d" }) await host.DoAsync("timers/post", new { @namespace = "ns", id });
        List<JsonElement> deliveries = [];
        while (deliveries.Count < 4) deliveries.AddRange((await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "30s", lease = "1d", max = 4 })).GetProperty("deliveries").EnumerateArray());
        foreach ((string verb, JsonElement delivery) in new[] { "confirm", "fail", "release", "extend" }.Zip(deliveries))
        {
            string id = delivery.GetProperty("id").GetString()!, token = delivery.GetProperty("token").GetString()!;
            await other.DoAsync($"timers/{verb}", verb == "fail" ? new { @namespace = "ns", id, token, delay = "1h" } : (object)new { @namespace = "ns", id, token });
        }

        (await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "30s", lease = "1d" })).GetProperty("deliveries").GetArrayLength().ShouldBe(1, "the one that was released");
        (await host.DoAsync("timers/claim", new { @namespace = "ns", wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
        JsonElement node = (await host.GetAsync("timers/nodes", ("namespace", "ns"))).Body.GetProperty("nodes")[0];
        node.GetProperty("inFlight").GetInt32().ShouldBe(0);
        host.Api.Answers.Count.ShouldBe(5, "for a repetition, within bounds");
        foreach (JsonElement delivery in deliveries.Take(3))
        {
            (await host.PostAsync("timers/confirm", new { @namespace = "ns", id = delivery.GetProperty("id").GetString(), token = delivery.GetProperty("token").GetString() })).Status.ShouldBeOneOf(404, 409);
        }

        host.Api.Answers.Count.ShouldBe(2, "what the store does not know any more is kept no longer");
    }

    [Fact]
    public async Task More_than_may_wait_are_asked_to_come_later()
    {
        await using ApiHost host = await ApiHost.StartAsync(configure: options => (options.ChangePolicy, options.MaxWaiting) = ("anybody", 2));
        await host.DoAsync("locks/request", new { key = "k" });
        foreach ((string path, object body) in new (string, object)[] { ("timers/claim", new { @namespace = "ns", wait = "60s" }), ("locks/request", new { key = "k", wait = "60s" }) })
        {
            using CancellationTokenSource end = new();
            Task<HttpResponseMessage>[] waiting = [.. Enumerable.Range(0, 3).Select(_ => host.Client.PostAsJsonAsync(path, body, end.Token))];
            using HttpResponseMessage answer = await await Task.WhenAny(waiting);
            ((int)answer.StatusCode, answer.Headers.RetryAfter?.Delta).ShouldBe((429, TimeSpan.FromSeconds(1)), path);
            waiting.Count(one => !one.IsCompleted).ShouldBe(2);
            await end.CancelAsync();
            foreach (Task one in waiting.Where(one => !one.IsCompletedSuccessfully)) await Should.ThrowAsync<OperationCanceledException>(one);
        }

        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 0, "nobody waits any more");
    }

    [Fact]
    public async Task A_request_found_closed_before_its_answer_hands_back_with_no_retry_spent()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        var claimed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Store.Faults.AfterClaim = async (_, claim) =>
        {
            if (claim.Events.Count == 0) return;
            claimed.TrySetResult();
            await go.Task;
        };
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x", maxRetries = 3 });
        using CancellationTokenSource gone = new();
        Task<HttpResponseMessage> request = host.Client.PostAsJsonAsync("timers/claim", new { @namespace = "ns", wait = "60s" }, gone.Token);
        await claimed.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(request);
        await Eventually.HoldsAsync(() => host.Aborted > 0, "the server has noticed");
        host.Store.Faults.AfterClaim = null;
        go.SetResult();
        await Eventually.ReadsAsync(
            async () => (await host.GetAsync("timers/event", ("namespace", "ns"), ("id", "x"))).Body, body => body.GetProperty("state").GetString() == "scheduled", "handed back");
        (await host.DoAsync("timers/claim", new { @namespace = "ns" })).GetProperty("deliveries")[0].GetProperty("retries").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Stale_tokens_change_nothing_and_say_so()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x", maxRetries = 3 });
        string token = (await host.DoAsync("timers/claim", new { @namespace = "ns" })).GetProperty("deliveries")[0].GetProperty("token").GetString()!;
        await host.DoAsync("timers/fail", new { @namespace = "ns", id = "x", token, delay = "1h", error = "later" });
        foreach (string verb in new[] { "confirm", "fail", "extend", "release" })
        {
            (int status, JsonElement problem) = await host.PostAsync($"timers/{verb}", new { @namespace = "ns", id = "x", token });
            (status, problem.GetProperty("result").GetString()).ShouldBe((409, "stale"), verb);
        }

        JsonElement shown = (await host.GetAsync("timers/event", ("namespace", "ns"), ("id", "x"))).Body;
        shown.GetProperty("retries").GetInt32().ShouldBe(1);
        shown.GetProperty("failures")[0].GetProperty("error").GetString().ShouldBe("later");
    }

    [Fact]
    public async Task When_the_application_stops_those_who_wait_are_answered()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        Task<JsonElement> waiting = host.DoAsync("timers/claim", new { @namespace = "ns", wait = "60s" });
        await Eventually.HoldsAsync(() => !host.Store.Faults.Claims.IsEmpty, "it waits");
        await host.StopAsync().WaitAsync(TimeSpan.FromSeconds(20));
        (await waiting).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
    }
}
