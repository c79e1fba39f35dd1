using System.Net.Http.Json;
using System.Text.Json;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

public sealed class ClaimTests
{
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

    [Fact]
    public async Task A_lost_answer_can_be_asked_for_again_with_the_same_token()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x" });
        JsonElement first = (await host.DoAsync("timers/claim", new { @namespace = "ns", token = "mine", wait = "0s" })).GetProperty("deliveries")[0];
        JsonElement again = (await host.DoAsync("timers/claim", new { @namespace = "ns", token = "mine", wait = "0s" })).GetProperty("deliveries")[0];
        again.GetProperty("token").GetString().ShouldBe(first.GetProperty("token").GetString());
        (await host.DoAsync("timers/claim", new { @namespace = "ns", token = "another", wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
        await host.DoAsync("timers/confirm", new { @namespace = "ns", id = "x", token = first.GetProperty("token").GetString() });
        (await host.DoAsync("timers/claim", new { @namespace = "ns", token = "mine", wait = "0s" })).GetProperty("deliveries").GetArrayLength().ShouldBe(0);
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
