using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>The defects of the ancestor, process-locker 0.3.2, each ruled out by name.</summary>
public sealed class ProcessLockerDefectTests : LockerTestBase
{
    [Fact]
    public async Task Defect_01_A_dead_owner_is_taken_over_and_waiters_do_not_wait_out_their_hour()
    {
        ManualTimeProvider clock = StopTime();
        (ProcessLocker dead, _) = NewNode(o => o.LeaseDuration = TimeSpan.FromSeconds(10));
        (ProcessLocker alive, _) = NewNode();
        await dead.RequestAsync("k");
        Task<RequestResult> waiting = alive.RequestAsync("k");
        await WaitersAsync(alive, "k", 1);
        dead.Abandon();
        await clock.AdvanceUntilAsync(() => waiting.IsCompleted, Ms(100), "it is taken over");
        (await waiting).Lease!.TakenOver.ShouldBeTrue();
    }

    [Fact]
    public async Task Defect_02_An_old_owners_late_publication_does_not_replace_the_new_result()
    {
        (ProcessLocker old, _) = NewNode();
        (ProcessLocker present, _) = NewNode();
        WorkLease first = (await old.RequestAsync("k")).Lease!;
        await present.ForgetAsync("k");
        WorkLease second = (await present.RequestAsync("k")).Lease!;
        (await second.PublishAsync("new", CancellationToken.None)).ShouldBe(PublishOutcome.Accepted);
        (await first.PublishAsync("old", CancellationToken.None)).ShouldBe(PublishOutcome.Superseded);
        (await old.PublishAsync("k", first.FencingToken, new byte[] { 1 })).ShouldBe(PublishOutcome.Superseded);
        (await present.TryGetAsync("k"))!.Read<string>().ShouldBe("new");
    }

    [Fact]
    public async Task Defect_03_Work_longer_than_its_lease_is_renewed_and_runs_once()
    {
        ManualTimeProvider clock = StopTime();
        (ProcessLocker a, StagedLockerStore stage) = NewNode(o => o.LeaseDuration = TimeSpan.FromSeconds(9));
        (ProcessLocker b, _) = NewNode();
        int runs = 0;
        WorkLease? held = null;
        TaskCompletionSource<int> work = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> WorkAsync(WorkLease lease, CancellationToken cancellationToken)
        {
            held = lease;
            Interlocked.Increment(ref runs);
            return work.Task;
        }

        Task<int> first = a.RunOnceAsync("k", WorkAsync);
        await Eventually.HoldsAsync(() => Volatile.Read(ref runs) == 1, "the work has begun");
        Task<int> second = b.RunOnceAsync("k", WorkAsync);
        clock.Advance(Ms(250));
        await Eventually.HoldsAsync(() => stage.Count("renew") == 1, "it has subscribed, and renewed for what it may have missed");
        for (int i = 2; i <= 10; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(3));
            await Eventually.HoldsAsync(() => stage.Count("renew") == i && held!.LeaseLeft == TimeSpan.FromSeconds(9), $"renewal {i}");
        }

        // Three leases have passed.
        work.SetResult(5);
        (await Task.WhenAll(first, second).WaitAsync(TestTimeout)).ShouldBe([5, 5]);
        runs.ShouldBe(1);
    }

    [Fact]
    public async Task Defect_04_Lost_notifications_hang_nobody()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = Ms(100));
        stage.NotificationsWork = false;
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult>[] waiting = [.. Enumerable.Range(0, 50).Select(_ => b.RequestAsync("k"))];
        await WaitersAsync(b, "k", 50);
        await lease.PublishAsync("done", CancellationToken.None);
        foreach (RequestResult result in await Task.WhenAll(waiting).WaitAsync(TestTimeout)) result.Result!.Read<string>().ShouldBe("done");
    }

    [Fact]
    public async Task Defect_05_A_notification_that_races_the_reply_makes_no_owner_take_it_for_done()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode();
        bool notify = true;
        stage.Happened = (operation, n) =>
        {
            // Between what the store decides and the reply; the second request is held, the last one is granted.
            if (operation == "request" && (n <= 2 || !notify)) stage.NotifyNow?.Invoke(null);
        };
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = b.RequestAsync("k");
        await Eventually.HoldsAsync(() => stage.OpenSubscriptions == 1, "b listens");
        notify = false;
        await lease.DisposeAsync();
        RequestResult result = await waiting.WaitAsync(TestTimeout);
        result.IsLocked.ShouldBeTrue();
        (await result.Lease.PublishAsync("mine", CancellationToken.None)).ShouldBe(PublishOutcome.Accepted);
    }

    [Fact]
    public async Task Defect_06_The_key_is_read_again_after_the_subscription_was_begun()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromDays(1));
        WorkLease lease = (await a.RequestAsync("k")).Lease!;

        // The key is freed after b was told that it is held, and before b listens.
        stage.Before = async (operation, _) =>
        {
            if (operation == "subscribe") await lease.DisposeAsync();
        };
        RequestResult result = await b.RequestAsync("k").WaitAsync(TestTimeout);
        result.IsLocked.ShouldBeTrue();
        stage.Order.ShouldBe(["open", "request", "subscribe", "request"]);
    }

    [Fact]
    public async Task Defect_07_Work_can_fail_and_can_be_released()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, _) = NewNode();
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = b.RequestAsync("k");
        await WaitersAsync(b, "k", 1);
        (await lease.FailAsync("Broken", "it broke")).ShouldBe(PublishOutcome.Accepted);
        RunFailedException failure = await Should.ThrowAsync<RunFailedException>(waiting);
        (failure.Kind, failure.Message).ShouldBe(("Broken", "it broke"));

        await (await a.RequestAsync("k")).Lease!.DisposeAsync();
        await using WorkLease next = (await b.RequestAsync("k")).Lease!;
        await Should.ThrowAsync<RunFailedException>(a.RunOnceAsync<int>("other", (_, _) => throw new InvalidOperationException("thrown")));
        (await b.RunOnceAsync("other", (_, _) => Task.FromResult(1))).ShouldBe(1);
    }

    [Fact]
    public async Task Defect_08_Publishing_null_reaches_the_waiters_and_later_requests()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, _) = NewNode();
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = b.RequestAsync("k");
        await WaitersAsync(b, "k", 1);
        await lease.PublishAsync((byte[]?)null);
        (await waiting.WaitAsync(TestTimeout)).Result!.IsNull.ShouldBeTrue();
        (await b.RequestAsync("k")).Result!.IsNull.ShouldBeTrue();
        (await b.RunOnceAsync("k", (_, _) => Task.FromResult<string?>("not run"))).ShouldBeNull();
    }

    [Fact]
    public async Task Defect_09_A_missing_key_reads_as_nothing_and_not_as_null()
    {
        (ProcessLocker a, _) = NewNode();
        (await a.TryGetAsync("k")).ShouldBeNull();
        await a.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>(null));
        (await a.TryGetAsync("k"))!.IsNull.ShouldBeTrue();
    }

    [Fact]
    public async Task Defect_10_A_lifetime_of_zero_is_zero()
    {
        (ProcessLocker a, _) = NewNode(o => o.ResultTimeout = TimeSpan.Zero);
        int runs = 0;
        (await a.RunOnceAsync("k", (_, _) => Task.FromResult(++runs))).ShouldBe(1);
        (await a.TryGetAsync("k")).ShouldBeNull();
        (await a.RunOnceAsync("k", (_, _) => Task.FromResult(++runs))).ShouldBe(2);
    }

    [Fact]
    public async Task Defect_11_Ten_thousand_local_callers_make_one_claim_and_one_read()
    {
        (ProcessLocker owner, _) = NewNode();
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromDays(1));
        WorkLease lease = (await owner.RequestAsync("theirs")).Lease!;
        Task<RequestResult>[] waiting = [.. Enumerable.Range(0, 10_000).Select(_ => node.RequestAsync("theirs"))];
        await WaitersAsync(node, "theirs", 10_000);
        await lease.PublishAsync("result", CancellationToken.None);
        (await Task.WhenAll(waiting).WaitAsync(TestTimeout)).ShouldAllBe(result => result.IsDone);
        stage.Replies.OfType<LockGranted>().ShouldBeEmpty();
        stage.Replies.OfType<LockerOutcome>().Count().ShouldBe(1);
        stage.Count("request").ShouldBeLessThanOrEqualTo(3);

        stage.Replies.Clear();
        TaskCompletionSource<int> work = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int>[] running = [.. Enumerable.Range(0, 10_000).Select(_ => node.RunOnceAsync("ours", (_, _) => work.Task))];
        await WaitersAsync(node, "ours", 10_000);
        work.SetResult(1);
        await Task.WhenAll(running).WaitAsync(TestTimeout);
        stage.Replies.OfType<LockGranted>().Count().ShouldBe(1);
        stage.Replies.OfType<LockerOutcome>().ShouldBeEmpty();
    }

    [Fact]
    public async Task Defect_12_A_result_goes_to_those_who_wait_and_to_nobody_else()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker waits, StagedLockerStore waitsStage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromMinutes(1));
        (ProcessLocker idle, StagedLockerStore idleStage) = NewNode();
        await idle.TryGetAsync("another");
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = waits.RequestAsync("k");
        await Eventually.HoldsAsync(() => waitsStage.OpenSubscriptions == 1, "it listens");
        await lease.PublishAsync("result", CancellationToken.None);
        await waiting.WaitAsync(TestTimeout);
        waitsStage.Replies.OfType<LockerOutcome>().Count().ShouldBe(1);
        idleStage.Order.ShouldBe(["try_get"]);
        await Eventually.HoldsAsync(() => waitsStage.OpenSubscriptions == 0, "it listens no more");
    }

    [Fact]
    public async Task Defect_13_Nothing_is_left_behind_by_errors_cancellation_or_the_end()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode();
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        using CancellationTokenSource source = new();
        Task<RequestResult> cancelled = b.RequestAsync("k", cancellationToken: source.Token);
        await WaitersAsync(b, "k", 1);
        Task<RequestResult> timedOut = b.RequestAsync("k", Ms(50));
        await source.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(cancelled);
        await Should.ThrowAsync<LockTimeoutException>(timedOut);
        await Eventually.HoldsAsync(() => stage.OpenSubscriptions == 0 && b.OpenFlights == 0, "nobody waits any more");

        Task<RequestResult> disposed = b.RequestAsync("k");
        await WaitersAsync(b, "k", 1);
        await b.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(disposed);
        (stage.OpenSubscriptions, b.OpenFlights).ShouldBe((0, 0));
        lease.IsHeld.ShouldBeTrue();
        await a.DisposeAsync();
        (a.OpenFlights, a.HeldLocks).ShouldBe((0, 0));
    }
}
