using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>One runs, everybody gets the result.</summary>
public abstract partial class LockerEngineSuite(StoreFixture fixture) : LockerNodesSuite(fixture)
{
    [Fact]
    public async Task One_runs_and_everybody_on_every_node_gets_the_result()
    {
        ProcessLocker[] nodes = [.. Enumerable.Range(0, 4).Select(_ => NewNode())];
        int runs = 0;
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string>[] calls =
        [
            .. from node in nodes
               from i in Enumerable.Range(0, 50)
               select node.RunOnceAsync("k", async (lease, _) =>
               {
                   Interlocked.Increment(ref runs);
                   await go.Task;
                   return $"by {lease.FencingToken}";
               })
        ];
        foreach (ProcessLocker node in nodes) await WaitersAsync(node, "k", 50);
        go.SetResult();
        string[] results = await Task.WhenAll(calls).WaitAsync(TestTimeout);
        runs.ShouldBe(1);
        results.Distinct().Count().ShouldBe(1);
        (await nodes[3].TryGetAsync("k"))!.Read<string>().ShouldBe(results[0]);
        (await nodes[2].RunOnceAsync<string>("k", (_, _) => throw new InvalidOperationException("it is fresh"))).ShouldBe(results[0]);
    }

    [Fact]
    public async Task A_request_is_answered_with_a_lease_or_with_the_result()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        RequestResult first = await a.RequestAsync("k");
        first.IsLocked.ShouldBeTrue();
        Task<RequestResult> other = b.RequestAsync("k");
        Task<RequestResult> local = a.RequestAsync("k");
        await WaitersAsync(a, "k", 1);
        await WaitersAsync(b, "k", 1);
        (await first.Lease.PublishAsync(new byte[] { 1, 2, 3 })).ShouldBe(PublishOutcome.Accepted);
        foreach (RequestResult done in await Task.WhenAll(other, local).WaitAsync(TestTimeout))
        {
            done.IsDone.ShouldBeTrue();
            done.Result.Bytes.ToArray().ShouldBe([1, 2, 3]);
            done.Result.FencingToken.ShouldBe(first.Lease.FencingToken);
        }

        first.Lease.IsHeld.ShouldBeFalse();
        first.Lease.Lost.IsCancellationRequested.ShouldBeFalse();
        (await first.Lease.PublishAsync(new byte[] { 4 })).ShouldBe(PublishOutcome.Superseded);
    }

    [Fact]
    public async Task Disposal_releases_and_the_next_one_gets_the_key()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        RequestResult first = await a.RequestAsync("k");
        Task<RequestResult> other = b.RequestAsync("k");
        await WaitersAsync(b, "k", 1);
        await first.Lease!.DisposeAsync();
        RequestResult second = await other.WaitAsync(TestTimeout);
        second.IsLocked.ShouldBeTrue();
        second.Lease.FencingToken.ShouldBeGreaterThan(first.Lease.FencingToken);
        second.Lease.TakenOver.ShouldBeFalse();
        first.Lease.Lost.IsCancellationRequested.ShouldBeFalse();
        await second.Lease.DisposeAsync();
    }

    [Fact]
    public async Task A_failure_is_shared_by_all_who_wait_and_by_nobody_later()
    {
        ProcessLocker a = NewNode(), b = NewNode(o => o.FallbackPollInterval = Ms(50));
        int runs = 0;
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        async Task<string> FailAsync(WorkLease lease, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref runs);
            await go.Task;
            throw new InvalidOperationException("no luck");
        }

        Task<string> first = a.RunOnceAsync("k", FailAsync);
        await LockedAsync(a, "k");
        Task<string>[] calls = [first, .. Enumerable.Range(0, 1000).Select(i => (i % 2 == 0 ? a : b).RunOnceAsync("k", FailAsync))];
        await WaitersAsync(a, "k", 501);
        await WaitersAsync(b, "k", 500);
        await LooksAgainAsync(b);
        go.SetResult();
        RunFailedException[] failures = await Task.WhenAll(calls.Select(call => Should.ThrowAsync<RunFailedException>(call))).WaitAsync(TestTimeout);
        runs.ShouldBe(1);
        failures.Length.ShouldBe(1001);
        failures.ShouldAllBe(e => e.Kind == nameof(InvalidOperationException) && e.Message == "no luck");
        failures.Count(e => e.InnerException is InvalidOperationException).ShouldBe(501, "the original stays in the process that ran it");
        (await b.RunOnceAsync("k", (_, _) => Task.FromResult("better"))).ShouldBe("better");
    }

    [Fact]
    public async Task A_failure_can_be_remembered()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        var options = new RunOnceOptions { OnFailure = FailurePolicy.CacheFor(TimeSpan.FromMinutes(1)) };
        await Should.ThrowAsync<RunFailedException>(a.RunOnceAsync<int>("k", (_, _) => throw new ArithmeticException("1/0"), options));
        (await Should.ThrowAsync<RunFailedException>(b.RunOnceAsync("k", (_, _) => Task.FromResult(1)))).Kind.ShouldBe(nameof(ArithmeticException));
        await Should.ThrowAsync<RunFailedException>(b.TryGetAsync("k"));
        (await b.PeekAsync("k"))!.IsFailure.ShouldBeTrue();
        (await b.ForgetAsync("k")).ShouldBeTrue();
        (await b.RunOnceAsync("k", (_, _) => Task.FromResult(1))).ShouldBe(1);
    }

    [Fact]
    public async Task The_next_waiter_can_be_let_to_try()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        var options = new RunOnceOptions { OnFailure = FailurePolicy.RetryNextWaiter };
        int runs = 0;
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        async Task<int> TryAsync(WorkLease lease, CancellationToken cancellationToken)
        {
            await go.Task;
            return Interlocked.Increment(ref runs) < 3 ? throw new InvalidOperationException("not yet") : 42;
        }

        Task<int>[] calls = [.. Enumerable.Range(0, 10).Select(i => (i % 2 == 0 ? a : b).RunOnceAsync("k", TryAsync, options))];
        await WaitersAsync(a, "k", 5);
        await WaitersAsync(b, "k", 5);
        go.SetResult();
        await Task.WhenAll(calls.Select(call => call.ContinueWith(_ => { }, TaskScheduler.Default))).WaitAsync(TestTimeout);
        runs.ShouldBe(3);
        calls.Count(call => call.IsFaulted).ShouldBe(2);
        calls.Where(call => call.IsCompletedSuccessfully).ShouldAllBe(call => call.Result == 42);
    }

    [Fact]
    public async Task A_result_can_be_for_the_current_waiters_only()
    {
        ProcessLocker a = NewNode(), b = NewNode(o => o.FallbackPollInterval = Ms(50));
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var options = new RunOnceOptions { ResultTimeout = TimeSpan.Zero };
        int runs = 0;
        async Task<int> WorkAsync(WorkLease lease, CancellationToken cancellationToken)
        {
            await go.Task;
            return Interlocked.Increment(ref runs);
        }

        Task<int> first = a.RunOnceAsync("k", WorkAsync, options);
        await LockedAsync(a, "k");
        Task<int> second = b.RunOnceAsync("k", WorkAsync, options);
        await WaitersAsync(b, "k", 1);
        await LooksAgainAsync(b);
        go.SetResult();
        (await Task.WhenAll(first, second).WaitAsync(TestTimeout)).ShouldBe([1, 1]);
        (await a.TryGetAsync("k")).ShouldBeNull();
        (await b.RunOnceAsync("k", WorkAsync, options)).ShouldBe(2);
    }

    [Fact]
    public async Task Null_is_a_result_and_may_or_may_not_be_kept()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        (await a.RunOnceAsync<string?>("kept", (_, _) => Task.FromResult<string?>(null))).ShouldBeNull();
        (await b.TryGetAsync("kept"))!.IsNull.ShouldBeTrue();
        (await a.RunOnceAsync<string?>("dropped", (_, _) => Task.FromResult<string?>(null), new() { CacheNull = false })).ShouldBeNull();
        (await b.TryGetAsync("dropped")).ShouldBeNull();
    }

    [Fact]
    public async Task Publishing_from_anywhere_needs_the_fencing_token()
    {
        ProcessLocker a = NewNode(), b = NewNode(), c = NewNode();
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = b.RequestAsync("k");
        await WaitersAsync(b, "k", 1);
        (await c.PublishAsync("k", lease.FencingToken - 1, new byte[] { 1 })).ShouldBe(PublishOutcome.Superseded);
        (await c.PublishAsync("k", lease.FencingToken, new byte[] { 2 })).ShouldBe(PublishOutcome.Accepted);
        (await waiting.WaitAsync(TestTimeout)).Result!.Bytes.ToArray().ShouldBe([2]);

        WorkLease second = (await a.RequestAsync("other")).Lease!;
        (await a.FailAsync("other", second.FencingToken, "Broken", "it broke", TimeSpan.FromMinutes(1))).ShouldBe(PublishOutcome.Accepted);
        (await Should.ThrowAsync<RunFailedException>(b.RequestAsync("other"))).Kind.ShouldBe("Broken");
    }

    [Fact]
    public async Task A_plain_lock_excludes_and_passes_on()
    {
        ProcessLocker[] nodes = [NewNode(), NewNode(), NewNode()];
        int inside = 0, most = 0, turns = 0;
        long lastToken = 0;
        bool grows = true;
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            await using WorkLease lease = await nodes[i % 3].AcquireAsync("k");
            most = Math.Max(most, Interlocked.Increment(ref inside));
            grows &= lease.FencingToken > lastToken;
            lastToken = lease.FencingToken;
            turns++;
            await Task.Yield();
            Interlocked.Decrement(ref inside);
        })).WaitAsync(TestTimeout);
        (most, turns, grows).ShouldBe((1, 60, true));
    }

    [Fact]
    public async Task A_plain_lock_can_be_tried()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        WorkLease? first = await a.TryAcquireAsync("k");
        first.ShouldNotBeNull();
        (await b.TryAcquireAsync("k")).ShouldBeNull();
        (await a.TryAcquireAsync("k")).ShouldBeNull();
        await Should.ThrowAsync<LockTimeoutException>(b.AcquireAsync("k", Ms(100)));
        await first.DisposeAsync();
        await using WorkLease? second = await b.TryAcquireAsync("k");
        second.ShouldNotBeNull();
    }

    [Fact]
    public async Task Whoever_would_wait_for_itself_is_refused_by_name()
    {
        ProcessLocker a = NewNode();
        TaskCompletionSource over = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string>? later = null;
        string result = await a.RunOnceAsync("k", async (_, _) =>
        {
            LockRecursionException refused = await Should.ThrowAsync<LockRecursionException>(a.RunOnceAsync("k", static (_, _) => Task.FromResult("")));
            refused.Message.ShouldContain("'k'");
            refused.Message.ShouldContain($"'{a.Namespace}'");
            await Should.ThrowAsync<LockRecursionException>(a.RequestAsync("k"));
            await Should.ThrowAsync<LockRecursionException>(a.AcquireAsync("k"));
            RunFailedException inner = await Should.ThrowAsync<RunFailedException>(a.RunOnceAsync("other", async (_, _) => await a.RunOnceAsync("k", static (_, _) => Task.FromResult(""))));
            inner.InnerException.ShouldBeOfType<LockRecursionException>();
            (await a.TryAcquireAsync("k")).ShouldBeNull("this one does not wait");
            later = Task.Run(async () =>
            {
                await over.Task;
                return await a.RunOnceAsync("k", static (_, _) => Task.FromResult("not again"));
            });
            return await a.RunOnceAsync("another", static (_, _) => Task.FromResult("done"));
        }).WaitAsync(TestTimeout);
        result.ShouldBe("done");
        over.SetResult();
        (await later!.WaitAsync(TestTimeout)).ShouldBe("done", "what was begun inside a run is outside when it is over");
    }

    [Fact]
    public async Task A_wait_that_ends_says_for_what_and_for_whom()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        await using WorkLease held = await a.AcquireAsync("the key");
        LockTimeoutException elsewhere = await Should.ThrowAsync<LockTimeoutException>(b.AcquireAsync("the key", Ms(200)));
        elsewhere.Message.ShouldStartWith("The wait for the key 'the key' took longer than its wait timeout of 200 ms: the ");
        elsewhere.Message.ShouldContain($"the node '{a.NodeId}' has held it for ");
        LockTimeoutException here = await Should.ThrowAsync<LockTimeoutException>(a.AcquireAsync("the key", Ms(200)));
        here.Message.ShouldContain("this process has held it for ");
    }

    [Fact]
    public async Task A_result_of_bytes_is_stored_as_it_is_however_it_is_held()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        byte[] around = [9, 0, 255, 7, 9];
        byte[] bytes = around[1..4];
        await SameAsync("array", bytes, static value => value!);
        await SameAsync<ReadOnlyMemory<byte>>("read-only memory", bytes, static value => value.ToArray());
        await SameAsync("memory", bytes.AsMemory(), static value => value.ToArray());
        await SameAsync("segment", new ArraySegment<byte>(around, 1, 3), static value => [.. value]);
        await SameAsync("sequence", new System.Buffers.ReadOnlySequence<byte>(around, 1, 3), static value => System.Buffers.BuffersExtensions.ToArray(value));

        async Task SameAsync<T>(string key, T value, Func<T?, byte[]> toArray)
        {
            RunOnceOptions kept = new() { ResultTimeout = TimeSpan.FromMinutes(10) };
            toArray(await a.RunOnceAsync<T>(key, (_, _) => Task.FromResult(value), kept)).ShouldBe(bytes, key);
            toArray(await b.RunOnceAsync<T>(key, (_, _) => throw new TimeoutException("It has run."), kept)).ShouldBe(bytes, key);
            (await b.TryGetAsync(key))!.Bytes.ToArray().ShouldBe(bytes, key);
        }
    }

    [Fact]
    public async Task What_its_publisher_writes_over_afterwards_changes_nobodys_result()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        byte[] buffer = [1, 2, 3];
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> here = a.RequestAsync("k"), there = b.RequestAsync("k");
        await WaitersAsync(a, "k", 1);
        await WaitersAsync(b, "k", 1);
        await lease.PublishAsync(buffer);
        Array.Clear(buffer);
        foreach (RequestResult got in await Task.WhenAll(here, there).WaitAsync(TestTimeout)) got.Result!.Bytes.ToArray().ShouldBe([1, 2, 3]);
        (await a.TryGetAsync("k"))!.Bytes.ToArray().ShouldBe([1, 2, 3]);

        buffer = [4, 5, 6];
        ReadOnlyMemory<byte> own = await a.RunOnceAsync("run", (_, _) => Task.FromResult<ReadOnlyMemory<byte>>(buffer));
        Array.Clear(buffer);
        own.ToArray().ShouldBe([4, 5, 6]);
    }

    [Fact]
    public async Task A_token_that_is_cancelled_already_asks_for_nothing()
    {
        ProcessLocker node = NewNode();
        var cancelled = new CancellationToken(canceled: true);
        Func<Task>[] calls =
        [
            () => node.RunOnceAsync("k", static (_, _) => Task.FromResult(1), cancellationToken: cancelled),
            () => node.RequestAsync("k", cancellationToken: cancelled),
            () => node.AcquireAsync("k", cancellationToken: cancelled),
            () => node.TryAcquireAsync("k", cancelled),
            () => node.TryGetAsync("k", cancelled),
            () => node.PeekAsync("k", cancelled),
            () => node.ForgetAsync("k", cancelled),
            () => node.PublishAsync("k", 1, new byte[] { 1 }, cancellationToken: cancelled),
            () => node.FailAsync("k", 1, "kind", "message", cancellationToken: cancelled),
            async () => await node.ListAsync(cancelled).GetAsyncEnumerator(cancelled).MoveNextAsync(),
        ];
        foreach (Func<Task> call in calls) await Should.ThrowAsync<OperationCanceledException>(call);
        (await node.PeekAsync("k")).ShouldBeNull("nothing was taken");

        WorkLease held = await node.AcquireAsync("held");
        await Should.ThrowAsync<OperationCanceledException>(() => held.PublishAsync(new byte[] { 1 }, cancelled));
        held.IsHeld.ShouldBeTrue();
        await Should.ThrowAsync<OperationCanceledException>(() => node.ForgetAsync("held", cancelled));
        held.IsHeld.ShouldBeTrue();
        await held.DisposeAsync();
    }

    [Fact]
    public async Task Locked_keys_are_listed_with_their_waiters()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        for (int i = 0; i < 250; i++) await a.TryAcquireAsync($"key-{i}");
        Task<WorkLease> waiting = b.AcquireAsync("key-7");
        await WaitersAsync(b, "key-7", 1);
        Dictionary<string, KeySnapshot> keys = [];
        await foreach (KeySnapshot key in b.ListAsync()) keys[key.Key] = key;
        keys.Count.ShouldBe(250);
        keys["key-7"].Waiters.ShouldBe(1);
        keys.Values.ShouldAllBe(key => key.NodeId == a.NodeId);
        await a.DisposeAsync();
        await using WorkLease lease = await waiting.WaitAsync(TestTimeout);
    }
}
