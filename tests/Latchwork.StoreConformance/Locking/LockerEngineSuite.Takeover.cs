using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <content>How a key passes to another owner.</content>
public abstract partial class LockerEngineSuite
{
    [Fact]
    public async Task A_dead_owner_is_replaced_by_exactly_one_waiter()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        ProcessLocker owner = NewNode(o => o.LeaseDuration = TimeSpan.FromSeconds(10));
        ProcessLocker[] others = [.. Enumerable.Range(0, 3).Select(_ => NewNode(o => o.LeaseDuration = TimeSpan.FromMinutes(30)))];
        await owner.RequestAsync("k");
        int runs = 0;
        bool takenOver = false;
        Task<int>[] calls =
        [
            .. from node in others
               from i in Enumerable.Range(0, 20)
               select node.RunOnceAsync("k", (lease, _) =>
               {
                   takenOver = lease.TakenOver;
                   return Task.FromResult(Interlocked.Increment(ref runs));
               })
        ];
        foreach (ProcessLocker node in others) await WaitersAsync(node, "k", 20);
        owner.Abandon();
        await clock.AdvanceUntilAsync(() => calls.All(call => call.IsCompleted), Ms(100), "all are served");
        (await Task.WhenAll(calls)).ShouldAllBe(result => result == 1);
        runs.ShouldBe(1);
        takenOver.ShouldBeTrue();
    }

    [Fact]
    public async Task Work_much_longer_than_its_lease_runs_once()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        TimeSpan length = TimeSpan.FromSeconds(9);
        ProcessLocker a = NewNode(o => o.LeaseDuration = length), b = NewNode(o => o.LeaseDuration = length);
        int runs = 0;
        TaskCompletionSource<WorkLease> begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        async Task<int> WorkAsync(WorkLease lease, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref runs);
            begun.TrySetResult(lease);
            await go.Task.WaitAsync(cancellationToken);
            return 7;
        }

        Task<int> first = a.RunOnceAsync("k", WorkAsync), second = b.RunOnceAsync("k", WorkAsync);
        WorkLease held = await begun.Task.WaitAsync(TestTimeout);
        clock.Advance(Ms(250));
        await Eventually.HoldsAsync(() => held.LeaseLeft == length, "it has subscribed, and renewed for what it may have missed");
        for (int i = 1; i <= 60; i++)
        {
            clock.Advance(length / 3);
            await Eventually.HoldsAsync(() => held.LeaseLeft == length, $"renewal {i}");
        }

        // Twenty leases have passed.
        go.SetResult();
        (await Task.WhenAll(first, second).WaitAsync(TestTimeout)).ShouldBe([7, 7]);
        runs.ShouldBe(1);
    }

    [Fact]
    public async Task Work_beyond_the_lock_timeout_loses_the_key()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        TimeSpan length = TimeSpan.FromSeconds(6), ceiling = TimeSpan.FromSeconds(15);
        ProcessLocker a = NewNode(o => (o.LeaseDuration, o.LockTimeout, o.WaitTimeout) = (length, ceiling, TimeSpan.FromHours(1))), b = NewNode();
        TaskCompletionSource<PublishOutcome> published = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<WorkLease> begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string> first = a.RunOnceAsync("k", async (lease, cancellationToken) =>
        {
            begun.SetResult(lease);
            TaskCompletionSource lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await using (cancellationToken.Register(lost.SetResult)) await lost.Task;
            published.SetResult(await lease.PublishAsync("too late", CancellationToken.None));
            return "too late";
        });
        WorkLease held = await begun.Task.WaitAsync(TestTimeout);
        Task<string> second = b.RunOnceAsync("k", (_, _) => Task.FromResult("in time"));
        await WaitersAsync(b, "k", 1);
        clock.Advance(Ms(250));
        await Eventually.HoldsAsync(() => held.LeaseLeft == length, "it has subscribed, and renewed for what it may have missed");
        for (TimeSpan age = Ms(250) + length / 3; age < ceiling; age += length / 3)
        {
            clock.Advance(length / 3);
            TimeSpan left = ceiling - age < length ? ceiling - age : length;
            await Eventually.HoldsAsync(() => held.LeaseLeft == left, $"at {age} the lease lasts {left} more");
        }

        first.IsCompleted.ShouldBeFalse();
        clock.Advance(length / 3);
        await Should.ThrowAsync<LockTimeoutException>(first.WaitAsync(TestTimeout));
        await clock.AdvanceUntilAsync(() => second.IsCompleted, Ms(100), "the key passes on");
        (await second).ShouldBe("in time");
        (await published.Task.WaitAsync(TestTimeout)).ShouldBe(PublishOutcome.Superseded);
        (await a.TryGetAsync("k"))!.Read<string>().ShouldBe("in time");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Forgetting_reaches_the_owner_on_another_node_long_before_its_next_renewal(bool hasWorkedForAWhile)
    {
        ProcessLocker owner = NewNode(), other = NewNode(); // with leases of ten minutes
        WorkLease lease = await owner.AcquireAsync("k");
        if (hasWorkedForAWhile) await RenewedAsync(owner); // as it does once it has subscribed
        (await other.ForgetAsync("k")).ShouldBeTrue();
        await Eventually.HoldsAsync(() => lease.Lost.IsCancellationRequested, "the owner is told");
        lease.IsHeld.ShouldBeFalse();
        await using WorkLease? next = await other.TryAcquireAsync("k");
        next.ShouldNotBeNull();
    }

    [Fact]
    public async Task Forgetting_supersedes_work_in_progress_and_one_waiter_starts_anew()
    {
        ProcessLocker a = NewNode(), b = NewNode(), c = NewNode();
        TaskCompletionSource<string> old = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int runs = 0;
        Task<string> first = a.RunOnceAsync("k", (_, _) => Interlocked.Increment(ref runs) == 1 ? old.Task : Task.FromResult("new"));
        await Eventually.HoldsAsync(() => Volatile.Read(ref runs) == 1, "the first run begins");
        Task<string> second = b.RunOnceAsync("k", (_, _) => Task.FromResult(Interlocked.Increment(ref runs) > 1 ? "new" : "?"));
        await WaitersAsync(b, "k", 1);
        (await c.ForgetAsync("k")).ShouldBeTrue();
        (await second.WaitAsync(TestTimeout)).ShouldBe("new");
        old.SetResult("old");
        (await first.WaitAsync(TestTimeout)).ShouldBe("new");
        runs.ShouldBe(2);
        (await c.TryGetAsync("k"))!.Read<string>().ShouldBe("new");
    }
}
