using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

public sealed class LockTests
{
    [Fact]
    public async Task Whoever_waits_gets_the_result_that_the_owner_publishes()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string token = (await host.DoAsync("locks/request", new { key = "k" })).GetProperty("token").GetString()!;
        Task<(int Status, JsonElement Body)> waiting = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        (int status, JsonElement problem) = await host.PostAsync("locks/request", new { key = "k", wait = "0s" });
        (status, problem.GetProperty("result").GetString()).ShouldBe((504, "held"));
        await host.DoAsync("locks/publish", new { key = "k", token, data = new { rows = 3 }, resultTimeout = "0s" });
        (int done, JsonElement body) = await waiting;
        done.ShouldBe(200, body.ToString());
        body.GetProperty("data").GetProperty("rows").GetInt32().ShouldBe(3);
    }

    [Fact]
    public async Task A_failure_is_shared_and_a_null_result_is_a_result()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string token = (await host.DoAsync("locks/request", new { key = "k" })).GetProperty("token").GetString()!;
        await host.DoAsync("locks/fail", new { key = "k", token, kind = "Broken", message = "no disk", cacheFor = "1m" });
        JsonElement failed = await host.DoAsync("locks/request", new { key = "k" });
        (failed.GetProperty("status").GetString(), failed.GetProperty("kind").GetString(), failed.GetProperty("message").GetString()).ShouldBe(("failed", "Broken", "no disk"));

        token = (await host.DoAsync("locks/request", new { key = "n" })).GetProperty("token").GetString()!;
        await host.DoAsync("locks/publish", new { key = "n", token });
        (await host.DoAsync("locks/request", new { key = "n" })).GetProperty("isNull").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task When_the_owner_is_gone_whoever_waits_takes_over_and_the_old_token_is_refused()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string old = (await host.DoAsync("locks/request", new { key = "k", lease = "1s" })).GetProperty("token").GetString()!;
        (int status, JsonElement taken) = await host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        (status, taken.GetProperty("takenOver").GetBoolean()).ShouldBe((201, true));
        (await host.PostAsync("locks/publish", new { key = "k", token = old, data = 1 })).Body.GetProperty("result").GetString().ShouldBe("superseded");
        (await host.PostAsync("locks/renew", new { key = "k", token = old })).Status.ShouldBe(409);
    }

    [Fact]
    public async Task A_request_repeated_with_the_clients_own_token_gets_the_same_grant()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        object request = new { key = "k", token = "0123456789abcdef0123456789abcdef", wait = "0s" };
        JsonElement first = await host.DoAsync("locks/request", request);
        JsonElement again = await host.DoAsync("locks/request", request);
        again.GetProperty("token").GetString().ShouldBe(first.GetProperty("token").GetString());
        (await host.PostAsync("locks/request", new { key = "k", token = "short" })).Status.ShouldBe(400);
    }

    [Fact]
    public async Task Those_who_wait_for_a_key_share_one_question_a_second_and_all_get_the_result()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string token = (await host.DoAsync("locks/request", new { key = "k" })).GetProperty("token").GetString()!;
        Task<(int Status, JsonElement Body)>[] waiting = [.. Enumerable.Range(0, 30).Select(_ => host.PostAsync("locks/request", new { key = "k", wait = "60s" }))];
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 30 && host.Store.LockRequests >= 32, "all wait");
        int before = host.Store.LockRequests;
        await Eventually.HoldsAsync(() => host.Store.LockRequests >= before + 3, "three more questions");
        host.Store.LockRequests.ShouldBeLessThan(before + 10);
        await host.DoAsync("locks/publish", new { key = "k", token, data = new { rows = 3 }, resultTimeout = "0s" });
        (await Task.WhenAll(waiting)).ShouldAllBe(answer => answer.Status == 200 && answer.Body.GetProperty("data").GetProperty("rows").GetInt32() == 3);
        host.Api.LockWaits.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Callers_who_come_and_go_ask_once_each_and_nobody_asks_again_because_of_them()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        Task<(int Status, JsonElement Body)> waiting = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Store.LockRequests == 3, "the watch of the key has asked once");
        const int Callers = 200;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Callers; i++) (await host.PostAsync("locks/request", new { key = "k", wait = "1ms" })).Status.ShouldBe(504);
        int polls = 2 + (int)Stopwatch.GetElapsedTime(start).TotalSeconds;
        host.Store.LockRequests.ShouldBeInRange(3 + Callers, 3 + Callers + polls);
        waiting.IsCompleted.ShouldBeFalse();
        await host.DoAsync("locks/forget", new { key = "k" });
        (await waiting).Status.ShouldBe(201);
    }

    [Fact]
    public async Task When_the_last_question_failed_the_end_of_a_wait_says_that_nothing_is_known()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        Task<(int Status, JsonElement Body)> first = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Store.LockRequests == 3, "the watch of the key has asked once");
        Task<(int Status, JsonElement Body)> brief = host.PostAsync("locks/request", new { key = "k", wait = "1500ms" });
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 2, "both wait");
        host.Store.BeforeLockRequest = _ => throw new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) { IsTransient = true };

        // The one for whom it was asked hears it immediately; the other waits on, and no answer came since.
        (await first).Status.ShouldBe(503);
        (int status, JsonElement problem) = await brief;
        status.ShouldBe(503, problem.ToString());
        problem.GetProperty("outcome").GetString().ShouldBe("notApplied");
        problem.GetProperty("detail").GetString()!.ShouldContain("The server is away.");

        host.Store.BeforeLockRequest = null;
        (await host.PostAsync("locks/request", new { key = "k", wait = "1ms" })).Status.ShouldBe(504, "it is another's, which is known again");
        host.Api.LockWaits.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Whose_own_question_was_answered_does_not_hear_of_a_failure_before_it()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        Task<(int Status, JsonElement Body)> first = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Store.LockRequests == 3, "the watch of the key has asked once");
        Task<(int Status, JsonElement Body)> other = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 2, "both wait");
        host.Store.BeforeLockRequest = _ => throw new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) { IsTransient = true };
        (await first).Status.ShouldBe(503);
        host.Store.BeforeLockRequest = null;
        (await host.PostAsync("locks/request", new { key = "k", wait = "100ms" })).Status.ShouldBe(504);
        await host.DoAsync("locks/forget", new { key = "k" });
        (await other).Status.ShouldBe(201);
    }

    [Fact]
    public async Task A_store_that_fails_is_asked_once_a_second_for_all_who_wait_and_they_get_the_result_when_it_is_back()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string token = (await host.DoAsync("locks/request", new { key = "k", lease = "1h" })).GetProperty("token").GetString()!;
        Task<(int Status, JsonElement Body)> first = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Store.LockRequests == 3, "the watch of the key has asked once");
        Task<(int Status, JsonElement Body)>[] others = [.. Enumerable.Range(0, 20).Select(_ => host.PostAsync("locks/request", new { key = "k", wait = "60s" }))];
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 21, "all wait");
        ConcurrentQueue<long> asked = [];
        host.Store.BeforeLockRequest = _ =>
        {
            asked.Enqueue(Stopwatch.GetTimestamp());
            return asked.Count <= 2 ? throw new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) { IsTransient = true } : Task.CompletedTask;
        };
        (await first).Status.ShouldBe(503);
        (await await Task.WhenAny(others)).Status.ShouldBe(503);
        long[] times = [.. asked];
        Stopwatch.GetElapsedTime(times[0], times[1]).ShouldBeGreaterThan(TimeSpan.FromSeconds(0.9), "it is asked once a second for all");
        await host.DoAsync("locks/publish", new { key = "k", token, data = 1, resultTimeout = "0s" });
        (await Task.WhenAll(others)).Count(one => one.Status == 200).ShouldBe(19);
    }

    [Fact]
    public async Task A_question_under_way_when_a_wait_ends_is_waited_for()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        host.Api.LockWaits.AnswerTime = TimeSpan.FromMinutes(1);
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        Task<(int Status, JsonElement Body)> first = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Store.LockRequests == 3, "the watch of the key has asked once");
        long start = Stopwatch.GetTimestamp();
        Task<(int Status, JsonElement Body)> brief = host.PostAsync("locks/request", new { key = "k", wait = "2s" });
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 2, "both wait");
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously), answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Store.BeforeLockRequest = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await asked.Task;
        await Eventually.HoldsAsync(() => brief.IsCompleted || Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(2.5), "its wait is over");
        brief.IsCompleted.ShouldBeFalse("what it would say may be wrong by now");
        answer.SetException(new LatchworkStoreException("The server is away.", StoreOutcome.Unknown) { IsTransient = true });
        (await first).Body.GetProperty("outcome").GetString().ShouldBe("unknown");
        (await brief).Body.GetProperty("outcome").GetString().ShouldBe("notApplied", "nothing of its own was sent");
    }

    [Fact]
    public async Task A_store_that_does_not_answer_holds_up_no_answer_and_what_it_grants_later_is_given_back()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("locks/request", new { key = "held", lease = "1h" });
        Task<(int Status, JsonElement Body)> first = host.PostAsync("locks/request", new { key = "held", wait = "5s" });
        Task<(int Status, JsonElement Body)> second = host.PostAsync("locks/request", new { key = "held", wait = "5s" });
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 2 && host.Store.LockRequests >= 4, "both wait");
        TaskCompletionSource answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Store.BeforeLockRequest = _ => answers.Task;

        // One that is sent now, and the two that wait, of which the store is asked for one.
        (int status, JsonElement problem) = await host.PostAsync("locks/request", new { key = "k", wait = "0s", lease = "1h" });
        (status, problem.GetProperty("outcome").GetString()).ShouldBe((503, "unknown"));
        (int Status, JsonElement Body)[] both = await Task.WhenAll(first, second);
        both.ShouldAllBe(one => one.Status == 503);
        both.Select(one => one.Body.GetProperty("outcome").GetString()).ShouldBe(["unknown", "notApplied"], ignoreOrder: true);
        host.Api.LockWaits.Count.ShouldBe(0);

        host.Store.BeforeLockRequest = null;
        answers.SetResult();
        await Eventually.ReadsAsync(async () => (await host.PostAsync("locks/request", new { key = "k", wait = "1ms" })).Status, got => got == 201, "the key is free");
        await host.DoAsync("locks/forget", new { key = "held" });
        await Eventually.ReadsAsync(async () => (await host.PostAsync("locks/request", new { key = "held", wait = "1ms" })).Status, got => got == 201, "the key is free");
    }

    [Fact]
    public async Task A_request_whose_outcome_is_unknown_is_answered_before_it_is_released_and_so_is_one_that_failed_behind_it()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        TaskCompletionSource releases = new(TaskCreationOptions.RunContinuationsAsynchronously), asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Store.BeforeLockRelease = _ =>
        {
            asked.TrySetResult();
            return releases.Task;
        };
        host.Store.BeforeLockRequest = request => host.Store.Inner.Locks.RequestAsync(new("locker", "k"), request, default).ContinueWith(
            _ => throw new LatchworkStoreException("The connection broke.", StoreOutcome.Unknown), TaskScheduler.Default);
        (int status, JsonElement problem) = await host.PostAsync("locks/request", new { key = "k", wait = "0s", lease = "1h" });
        (status, problem.GetProperty("outcome").GetString()).ShouldBe((503, "unknown"));
        await asked.Task;
        releases.Task.IsCompleted.ShouldBeFalse("the answer has not waited for it");
        host.Store.BeforeLockRequest = null;
        (await host.PostAsync("locks/request", new { key = "k", wait = "1ms" })).Status.ShouldBe(504, "it was granted");
        releases.SetResult();
        await Eventually.ReadsAsync(async () => (await host.PostAsync("locks/request", new { key = "k", wait = "1ms" })).Status, got => got == 201, "the key is free");
    }

    [Fact]
    public async Task An_application_that_stops_says_so_to_those_who_wait()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        Task<(int Status, JsonElement Body)> waiting = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 1, "it waits");
        await host.StopAsync();
        (int status, JsonElement problem) = await waiting;
        (status, problem.GetProperty("title").GetString(), problem.GetProperty("outcome").GetString()).ShouldBe((503, "Stopping", "unknown"));
    }

    [Fact]
    public async Task Those_who_want_the_lock_alone_get_it_one_after_the_other()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string token = (await host.DoAsync("locks/request", new { key = "k" })).GetProperty("token").GetString()!;
        List<Task<(int Status, JsonElement Body)>> waiting = [.. Enumerable.Range(0, 3).Select(_ => host.PostAsync("locks/request", new { key = "k", wait = "60s", lockOnly = true }))];
        Task<(int Status, JsonElement Body)> result = host.PostAsync("locks/request", new { key = "k", wait = "60s" });
        Task<(int Status, JsonElement Body)> brief = host.PostAsync("locks/request", new { key = "k", wait = "300ms", lockOnly = true });
        (await brief).Status.ShouldBe(504);
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 4, "all wait");
        await host.DoAsync("locks/publish", new { key = "k", token, data = 1, resultTimeout = "0s" });
        (await result).Status.ShouldBe(200);
        while (waiting.Count > 0)
        {
            Task<(int Status, JsonElement Body)> next = await Task.WhenAny(waiting);
            waiting.Remove(next);
            (int status, JsonElement locked) = await next;
            status.ShouldBe(201);
            waiting.ShouldAllBe(one => !one.IsCompleted);
            await host.DoAsync("locks/release", new { key = "k", token = locked.GetProperty("token").GetString() });
        }
    }

    [Fact]
    public async Task A_caller_that_goes_away_does_not_keep_the_key()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string token = (await host.DoAsync("locks/request", new { key = "k" })).GetProperty("token").GetString()!;
        using CancellationTokenSource gone = new();
        Task<HttpResponseMessage> waiting = System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(host.Client, "locks/request", new { key = "k", wait = "60s" }, gone.Token);
        await Eventually.HoldsAsync(() => !waiting.IsCompleted, "it waits");
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        await host.DoAsync("locks/release", new { key = "k", token });
        await Eventually.ReadsAsync(
            async () => (await host.PostAsync("locks/request", new { key = "k", wait = "0s" })).Status, status => status == 201, "the key is free");
    }
}
