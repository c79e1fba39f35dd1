using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>Stores that fail in three shapes and lose answers, and their threads, on which no code of a user runs.</summary>
public sealed class LockerFaultTests : LockerTestBase
{
    [ThreadStatic]
    private static bool _isStoreThread;

    public static TheoryData<int> Faults => new((int)Fault.Throws, (int)Fault.Fails, (int)Fault.FailsLater, (int)Fault.LosesAnswer);

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Every_operation_survives_two_faults(int fault)
    {
        ManualTimeProvider clock = StopTime();
        TimeSpan length = TimeSpan.FromHours(3);
        (ProcessLocker node, StagedLockerStore stage) =
            NewNode(o => (o.LeaseDuration, o.LockTimeout, o.StoreRetryTimeout) = (length, TimeSpan.FromDays(1), TimeSpan.FromDays(1)));
        stage.Plan = (_, n) => n <= 2 ? (Fault)fault : Fault.None;
        (await InTimeAsync(node.RunOnceAsync("k", (_, _) => Task.FromResult("done")))).ShouldBe("done");
        (await InTimeAsync(node.TryGetAsync("k")))!.Read<string>().ShouldBe("done");
        (await InTimeAsync(node.PeekAsync("k")))!.IsLocked.ShouldBeFalse();
        (await InTimeAsync(node.ForgetAsync("k"))).ShouldBe((Fault)fault != Fault.LosesAnswer, "a repetition finds nothing more to forget");
        WorkLease lease = await InTimeAsync(node.AcquireAsync("k"));
        for (int i = 1; i <= 4; i++)
        {
            // While a renewal is under way, what comes next is the end of the lease, which is further away. An alarm may be of a lock that has ended.
            while (stage.Count("renew") < i) await clock.AdvanceToNextAsync(length / 3, $"renewal {i}");
            stage.Count("renew").ShouldBe(i);
        }

        lease.IsHeld.ShouldBeTrue("it was renewed in spite of the faults");
        Task disposed = lease.DisposeAsync().AsTask();
        await clock.AdvanceUntilAsync(() => disposed.IsCompleted, Ms(20), "it is released");
        await disposed;
        lease.Lost.IsCancellationRequested.ShouldBeFalse();
        stage.Replies.OfType<LockGranted>().Select(granted => granted.FencingToken).Distinct().Count().ShouldBe(2, "nothing was granted twice");
        await using WorkLease? free = await node.TryAcquireAsync("k");
        free.ShouldNotBeNull();

        async Task<T> InTimeAsync<T>(Task<T> call)
        {
            await clock.AdvanceUntilAsync(() => call.IsCompleted, Ms(20), "it is answered in spite of the faults");
            return await call;
        }
    }

    [Fact]
    public async Task A_store_that_stays_away_fails_the_callers()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => o.StoreRetryTimeout = Ms(100));
        await node.TryGetAsync("k");
        stage.Plan = (_, _) => Fault.Fails;
        Task<string>[] calls = [.. Enumerable.Range(0, 20).Select(_ => node.RunOnceAsync("k", (_, _) => Task.FromResult("")))];
        foreach (Task<string> call in calls) (await Should.ThrowAsync<LatchworkStoreException>(call)).Outcome.ShouldBe(StoreOutcome.NotApplied);
        stage.Plan = (_, _) => Fault.None;
        (await node.RunOnceAsync("k", (_, _) => Task.FromResult("back"))).ShouldBe("back");
    }

    [Fact]
    public async Task A_result_that_cannot_be_published_is_given_to_nobody()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => (o.StoreRetryTimeout, o.LeaseDuration) = (Ms(100), Ms(400)));
        stage.Plan = (operation, _) => operation == "publish" ? Fault.Fails : Fault.None;
        await Should.ThrowAsync<LatchworkStoreException>(node.RunOnceAsync("k", (_, _) => Task.FromResult("lost")));
        stage.Plan = (_, _) => Fault.None;
        (await node.RunOnceAsync("k", (_, _) => Task.FromResult("second")).WaitAsync(TestTimeout)).ShouldBe("second");
    }

    [Fact]
    public async Task What_was_granted_unseen_is_given_back()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        (ProcessLocker other, _) = NewNode();
        using CancellationTokenSource source = new();
        stage.Plan = (operation, _) => operation == "request" ? Fault.LosesAnswer : Fault.None;
        stage.Happened = (operation, _) =>
        {
            if (operation == "request") source.Cancel();
        };
        await Should.ThrowAsync<OperationCanceledException>(node.RequestAsync("k", cancellationToken: source.Token));
        await using WorkLease lease = await other.AcquireAsync("k").WaitAsync(TestTimeout);
        lease.TakenOver.ShouldBeFalse("it was released, not left to its lease");
    }

    [Fact]
    public async Task A_caller_that_comes_after_the_publication_was_sent_asks_anew()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => o.ResultTimeout = TimeSpan.Zero);
        int runs = 0;
        Task<int>? late = null;
        stage.Happened = (operation, n) =>
        {
            if (operation == "publish" && n == 1) late = node.RunOnceAsync("k", (_, _) => Task.FromResult(Interlocked.Increment(ref runs)));
        };
        (await node.RunOnceAsync("k", (_, _) => Task.FromResult(Interlocked.Increment(ref runs)))).ShouldBe(1);
        (await late!.WaitAsync(TestTimeout)).ShouldBe(2);
    }

    [Fact]
    public async Task A_caller_that_comes_after_the_outcome_was_asked_for_asks_anew()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        (ProcessLocker other, _) = NewNode();
        await other.RunOnceAsync("k", (_, _) => Task.FromResult("stale"));
        Task<string>? late = null;
        stage.Happened = (operation, n) =>
        {
            if (operation != "request" || n != 1) return;
            other.ForgetAsync("k").IsCompletedSuccessfully.ShouldBeTrue();
            late = node.RunOnceAsync("k", (_, _) => Task.FromResult("new"));
        };
        (await node.RunOnceAsync("k", (_, _) => Task.FromResult("new"))).ShouldBe("stale", "it was asked for before it was forgotten");
        (await late!.WaitAsync(TestTimeout)).ShouldBe("new");
    }

    [Fact]
    public async Task Belief_ends_with_the_lease_when_renewals_do_not_arrive()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => o.LeaseDuration = Ms(300));
        (ProcessLocker other, _) = NewNode();
        WorkLease lease = await node.AcquireAsync("k");
        stage.Before = (operation, _) => operation == "renew" ? new TaskCompletionSource().Task : Task.CompletedTask;
        await Eventually.HoldsAsync(() => lease.Lost.IsCancellationRequested, "it is lost");
        (lease.IsHeld, lease.LeaseLeft).ShouldBe((false, TimeSpan.Zero));
        (await lease.PublishAsync(new byte[] { 1 })).ShouldBe(PublishOutcome.Superseded);
        stage.Count("publish").ShouldBe(0, "it was refused here, without asking");
        await using WorkLease next = await other.AcquireAsync("k").WaitAsync(TestTimeout);
    }

    [Fact]
    public async Task User_code_does_not_run_on_threads_of_the_store()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        await node.TryGetAsync("k");
        stage.Before = async (_, _) =>
        {
            TaskCompletionSource answer = new(); // completes inline, as a connection does on its reader thread
            new Thread(() =>
            {
                _isStoreThread = true;
                answer.SetResult();
            }).Start();
            await answer.Task.ConfigureAwait(false);
        };
        await Check(node.TryGetAsync("k"));
        await Check(node.PeekAsync("k"));
        await Check(node.ForgetAsync("k"));
        Task<RequestResult> requesting = node.RequestAsync("k");
        await Check(requesting);
        await Check((await requesting).Lease!.PublishAsync(new byte[1]));
        await Check(node.TryAcquireAsync("k"));
        await Check(node.PublishAsync("k", 1, null));

        async Task Check(Task call)
        {
            await call.ConfigureAwait(false);
            _isStoreThread.ShouldBeFalse();
        }
    }

    [Fact]
    public async Task Twenty_lockers_run_each_key_once()
    {
        ProcessLocker[] nodes = [.. Enumerable.Range(0, 20).Select(_ => NewNode().Node)];
        int[] runs = new int[100];
        Task<byte[]?>[][] calls =
        [
            .. Enumerable.Range(0, 100).Select(key => nodes.SelectMany(node => Enumerable.Range(0, 25).Select(_ => node.RunOnceAsync($"key-{key}", async (_, _) =>
            {
                await Task.Yield();
                return BitConverter.GetBytes(key * 1000 + Interlocked.Increment(ref runs[key]));
            }))).ToArray())
        ];
        await Task.WhenAll(calls.SelectMany(of => of)).WaitAsync(TestTimeout);
        runs.ShouldAllBe(count => count == 1);
        for (int key = 0; key < 100; key++) calls[key].ShouldAllBe(call => BitConverter.ToInt32(call.Result!) == key * 1000 + 1);
    }
}
