using System.Diagnostics;
using System.Text.Json;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

/// <summary>How requests for keys end when the store is late or the application stops: when they are answered, and what they leave behind.</summary>
public sealed class LockEndsTests
{
    private static readonly TimeSpan _long = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_namespace_that_is_used_first_while_the_store_does_not_answer_is_answered_in_time()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        var opens = NewSource();
        host.Store.BeforeLockOpen = _ => opens.Task;
        (int status, JsonElement problem) = await host.PostAsync("locks/request", new { key = "k", wait = "0s" }).WaitAsync(_long);
        (status, problem.GetProperty("outcome").GetString()).ShouldBe((503, "notApplied"), "nothing was asked for");
        host.Api.LockWaits.UnderWay.ShouldBe(1, "the opening is under way still");
        opens.SetResult();
        await Eventually.HoldsAsync(() => host.Api.LockWaits.UnderWay == 0, "it has ended");
        host.Store.LockRequests.ShouldBe(0, "nobody waits for the key");
        await host.DoAsync("locks/request", new { key = "k", wait = "0s" });
    }

    [Fact]
    public async Task A_first_answer_that_comes_after_the_wait_is_the_last()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        host.Api.LockWaits.AnswerTime = TimeSpan.FromMinutes(5);
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        TaskCompletionSource answers = NewSource(), never = NewSource();
        int asked = 0;
        host.Store.BeforeLockRequest = _ => Interlocked.Increment(ref asked) == 1 ? answers.Task : never.Task;
        long start = Stopwatch.GetTimestamp();
        Task<(int Status, JsonElement Body)> request = host.PostAsync("locks/request", new { key = "k", wait = "100ms" });
        await Eventually.HoldsAsync(() => asked == 1 && Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(1), "its wait is over");
        answers.SetResult();
        (await request.WaitAsync(_long)).Status.ShouldBe(504);
        asked.ShouldBe(1);
        never.SetResult();
    }

    [Fact]
    public async Task What_is_left_behind_with_a_store_that_does_not_answer_counts_until_it_has_ended()
    {
        await using ApiHost host = await ApiHost.StartAsync(configure: options => (options.ChangePolicy, options.MaxWaiting) = ("anybody", 2));
        host.Api.LockWaits.AnswerTime = TimeSpan.FromMilliseconds(10);
        await host.DoAsync("locks/request", new { key = "other" });
        TaskCompletionSource requests = NewSource(), releases = NewSource();
        int released = 0;
        host.Store.BeforeLockRequest = _ => requests.Task;
        host.Store.BeforeLockRelease = _ =>
        {
            Interlocked.Increment(ref released);
            return releases.Task;
        };
        foreach (string key in (string[])["a", "b"]) (await host.PostAsync("locks/request", new { key, wait = "0s" })).Status.ShouldBe(503);
        (await host.PostAsync("locks/request", new { key = "c", wait = "0s" })).Status.ShouldBe(429, "the questions are under way");
        host.Store.LockRequests.ShouldBe(3);
        requests.SetResult();
        await Eventually.HoldsAsync(() => released == 2, "what was granted is released");
        (await host.PostAsync("locks/request", new { key = "c", wait = "0s" })).Status.ShouldBe(429, "the releases are under way");
        releases.SetResult();
        await Eventually.HoldsAsync(() => host.Api.LockWaits.UnderWay == 0, "they have ended");
        (await host.PostAsync("locks/request", new { key = "a", wait = "0s" })).Status.ShouldBe(201);
    }

    [Fact]
    public async Task A_watch_that_all_have_left_counts_as_one_until_its_question_has_ended()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        host.Api.LockWaits.AnswerTime = TimeSpan.FromMilliseconds(10);
        await host.DoAsync("locks/request", new { key = "k", lease = "1h" });
        Task<(int Status, JsonElement Body)>[] both = [.. Enumerable.Range(0, 2).Select(_ => host.PostAsync("locks/request", new { key = "k", wait = "5s" }))];
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 2 && host.Store.LockRequests >= 4, "both wait");
        TaskCompletionSource answers = NewSource();
        int asked = 0;
        host.Store.BeforeLockRequest = _ =>
        {
            Interlocked.Increment(ref asked);
            return answers.Task;
        };
        (await Task.WhenAll(both)).ShouldAllBe(one => one.Status == 503);
        await Eventually.HoldsAsync(() => host.Api.LockWaits.UnderWay == 1, "one question is under way");
        asked.ShouldBe(1);
        answers.SetResult();
        await Eventually.HoldsAsync(() => host.Api.LockWaits.UnderWay == 0, "it has ended");
    }

    [Fact]
    public async Task The_end_of_the_application_waits_for_what_is_given_back()
    {
        await using FaultyStore store = new(new InMemoryStore());
        ApiHost host = await ApiHost.StartAsync(store: store);
        host.Api.LockWaits.AnswerTime = TimeSpan.FromMilliseconds(10);
        TaskCompletionSource requests = NewSource(), releases = NewSource();
        bool releasing = false;
        store.BeforeLockRequest = _ => requests.Task;
        store.BeforeLockRelease = _ =>
        {
            Volatile.Write(ref releasing, true);
            return releases.Task;
        };
        (await host.PostAsync("locks/request", new { key = "k", wait = "0s", lease = "1d" })).Status.ShouldBe(503);
        await host.StopAsync();
        Task disposing = host.DisposeAsync().AsTask();
        disposing.IsCompleted.ShouldBeFalse("the question is under way");
        requests.SetResult();
        await Eventually.HoldsAsync(() => Volatile.Read(ref releasing), "it is released");
        disposing.IsCompleted.ShouldBeFalse("the release is under way");
        releases.SetResult();
        await disposing;
        ((await store.Locks.PeekAsync(new("locker", "k"), default))?.IsLocked ?? false).ShouldBeFalse();
    }

    [Fact]
    public async Task The_end_of_the_application_waits_for_a_store_that_hangs_no_longer_than_its_bound()
    {
        await using FaultyStore store = new(new InMemoryStore());
        ApiHost host = await ApiHost.StartAsync(store: store);
        host.Api.LockWaits.AnswerTime = TimeSpan.FromMilliseconds(10);
        TaskCompletionSource requests = NewSource();
        store.BeforeLockRequest = _ => requests.Task;
        (await host.PostAsync("locks/request", new { key = "k", wait = "0s" })).Status.ShouldBe(503);
        await host.DisposeAsync().AsTask().WaitAsync(_long);
        requests.SetResult();
    }

    [Fact]
    public async Task What_was_granted_to_a_question_that_the_end_of_the_application_cancelled_is_given_back()
    {
        await using FaultyStore store = new(new InMemoryStore());
        ApiHost host = await ApiHost.StartAsync(store: store);
        await host.DoAsync("locks/request", new { key = "k", lease = "1d" });
        Task<(int Status, JsonElement Body)> waiting = host.PostAsync("locks/request", new { key = "k", wait = "60s", lease = "1d" });
        await Eventually.HoldsAsync(() => host.Api.LockWaits.Count == 1 && store.LockRequests == 3, "the watch of the key has asked once");
        TaskCompletionSource asked = NewSource(), mayGrant = NewSource();
        int released = 0;
        store.BeforeLockRelease = _ =>
        {
            Interlocked.Increment(ref released);
            return Task.CompletedTask;
        };
        store.BeforeLockRequest = async request =>
        {
            asked.TrySetResult();
            await mayGrant.Task;
            (await store.Inner.Locks.RequestAsync(new("locker", "k"), request, default)).ShouldBeOfType<Latchwork.Storage.LockGranted>();
            throw new OperationCanceledException("The wait for the reply was cancelled.");
        };
        await host.DoAsync("locks/forget", new { key = "k" });
        await asked.Task;
        Task stopping = host.StopAsync();
        (await waiting).Status.ShouldBe(503);
        await Eventually.HoldsAsync(() => Volatile.Read(ref released) == 1, "the one who waited has left, and its own question is released");
        mayGrant.SetResult();
        await stopping;
        await host.DisposeAsync();
        ((await store.Inner.Locks.PeekAsync(new("locker", "k"), default))?.IsLocked ?? false).ShouldBeFalse();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
