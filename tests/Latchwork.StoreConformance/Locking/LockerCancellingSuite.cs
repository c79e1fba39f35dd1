using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>Callers that give up, in every order, and lockers that are disposed.</summary>
public abstract class LockerCancellingSuite(StoreFixture fixture) : LockerNodesSuite(fixture)
{
    public static TheoryData<int[]> Orders => new(
        [0], [1], [2], [0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]);

    [Theory]
    [MemberData(nameof(Orders))]
    public async Task Whoever_cancels_disturbs_nobody_else(int[] order)
    {
        ArgumentNullException.ThrowIfNull(order);
        ProcessLocker node = NewNode();
        TaskCompletionSource<string> work = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken cancellationToken = default;
        int runs = 0;
        CancellationTokenSource[] sources = [new(), new(), new()];
        Task<string>[] calls =
        [
            .. sources.Select(source => node.RunOnceAsync("k", (_, token) =>
            {
                runs++;
                cancellationToken = token;
                return work.Task;
            }, cancellationToken: source.Token))
        ];
        await Eventually.HoldsAsync(() => Volatile.Read(ref runs) == 1, "the work has begun");
        foreach (int i in order)
        {
            await sources[i].CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(calls[i]);
        }

        cancellationToken.IsCancellationRequested.ShouldBeFalse();
        work.SetResult("done");
        for (int i = 0; i < 3; i++)
        {
            if (!order.Contains(i)) (await calls[i].WaitAsync(TestTimeout)).ShouldBe("done");
        }

        runs.ShouldBe(1);
    }

    [Fact]
    public async Task When_all_cancel_the_work_is_told_and_the_key_is_free()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        CancellationTokenSource[] sources = [new(), new(), new()];
        TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string>[] calls =
        [
            .. sources.Select(source => a.RunOnceAsync<string>("k", async (_, cancellationToken) =>
            {
                begun.TrySetResult();
                try
                {
                    return await NeverAsync(cancellationToken);
                }
                finally
                {
                    stopped.TrySetResult();
                }
            }, cancellationToken: source.Token))
        ];
        await begun.Task.WaitAsync(TestTimeout);
        foreach (CancellationTokenSource source in sources) await source.CancelAsync();
        foreach (Task<string> call in calls) await Should.ThrowAsync<OperationCanceledException>(call);

        // A cancelled flight takes nobody in: who comes now starts anew, and is not failed.
        Task<string> later = a.RunOnceAsync("k", (_, _) => Task.FromResult("fresh start"));
        await stopped.Task.WaitAsync(TestTimeout);
        (await later.WaitAsync(TestTimeout)).ShouldBe("fresh start");
        (await b.ForgetAsync("k")).ShouldBeTrue();
        await using WorkLease? free = await b.TryAcquireAsync("k");
        free.ShouldNotBeNull();
    }

    [Fact]
    public async Task Work_that_does_not_listen_keeps_its_key_for_a_while_only()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        ProcessLocker a = NewNode(o => (o.LeaseDuration, o.ShutdownTimeout) = (TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1))), b = NewNode();
        using CancellationTokenSource source = new();
        TaskCompletionSource<string> unsubscribed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string> call = a.RunOnceAsync("k", (_, _) => unsubscribed.Task, cancellationToken: source.Token);
        await LockedAsync(a, "k");
        await source.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(call);
        Task<WorkLease> next = b.AcquireAsync("k");
        await clock.AdvanceUntilAsync(() => next.IsCompleted, Ms(100), "the key passes on");
        await using WorkLease lease = await next;
        lease.TakenOver.ShouldBeTrue();
        unsubscribed.SetResult("ignored");
        (await b.TryGetAsync("k")).ShouldBeNull();
    }

    [Fact]
    public async Task A_waiter_that_gives_up_is_gone()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        await using WorkLease lease = (await a.RequestAsync("k")).Lease!;
        using CancellationTokenSource source = new();
        Task<RequestResult> waiting = b.RequestAsync("k", cancellationToken: source.Token);
        await WaitersAsync(b, "k", 1);
        await source.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        (await b.PeekAsync("k"))!.Waiters.ShouldBe(0);
        await lease.DisposeAsync();

        // A request that was on its way when the last one gave up may still be granted, and is given back when its answer comes.
        await using WorkLease? free = await Eventually.ReadsAsync(() => a.TryAcquireAsync("k"), static lease => lease is not null, "nobody who gave up stays the owner");
    }

    [Fact]
    public async Task A_wait_ends_with_its_timeout()
    {
        ProcessLocker a = NewNode(), b = NewNode(o => o.WaitTimeout = Ms(150));
        await using WorkLease lease = (await a.RequestAsync("k")).Lease!;
        await Should.ThrowAsync<LockTimeoutException>(b.RequestAsync("k"));
        await Should.ThrowAsync<LockTimeoutException>(a.RequestAsync("k", Ms(50)));
        await Should.ThrowAsync<LockTimeoutException>(a.RunOnceAsync("k", (_, _) => Task.FromResult(1), new() { WaitTimeout = Ms(50) }));
        lease.IsHeld.ShouldBeTrue();
    }

    [Fact]
    public async Task Disposal_of_a_locker_passes_its_keys_on_and_ends_its_waits()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        WorkLease held = (await a.RequestAsync("held")).Lease!;
        Task<string> run = a.RunOnceAsync("run", (_, cancellationToken) => NeverAsync(cancellationToken));
        await LockedAsync(a, "run");
        WorkLease others = (await b.RequestAsync("others")).Lease!;
        Task<RequestResult> waiting = a.RequestAsync("others");
        await WaitersAsync(a, "others", 1);
        Task<RequestResult> heldNext = b.RequestAsync("held"), runNext = b.RequestAsync("run");
        await WaitersAsync(b, "held", 1);
        await WaitersAsync(b, "run", 1);

        await a.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(waiting);
        await Should.ThrowAsync<ObjectDisposedException>(run);
        held.Lost.IsCancellationRequested.ShouldBeTrue();
        (await held.PublishAsync(new byte[1])).ShouldBe(PublishOutcome.Superseded);
        (await heldNext.WaitAsync(TestTimeout)).Lease!.TakenOver.ShouldBeFalse();
        (await runNext.WaitAsync(TestTimeout)).Lease!.TakenOver.ShouldBeFalse();
        others.IsHeld.ShouldBeTrue();
        await Should.ThrowAsync<ObjectDisposedException>(a.RequestAsync("k"));
        await Should.ThrowAsync<ObjectDisposedException>(a.TryGetAsync("k"));
    }
}
