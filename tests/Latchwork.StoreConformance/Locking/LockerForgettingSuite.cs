using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>Forgetting, looking, listing, notifications, and a clock that is set back.</summary>
public abstract class LockerForgettingSuite(StoreFixture fixture) : LockerSuite(fixture)
{
    [Fact]
    public async Task Forgetting_drops_the_outcome()
    {
        await PublishAsync(await TakeAsync("a"), "a");
        (await ForgetAsync()).ShouldBeTrue();
        (await GetAsync()).ShouldBeNull();
        (await ForgetAsync()).ShouldBeFalse();
        (await AskAsync("b")).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task Forgetting_supersedes_a_run_in_progress()
    {
        long old = await TakeAsync("a");
        (await ForgetAsync()).ShouldBeTrue();
        (await PublishAsync(old, "a")).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(old, null)).ShouldBe(PublishOutcome.Superseded);
        (await RenewAsync(old, "a")).ShouldBeFalse();
        long next = await TakeAsync("b");
        next.ShouldBe(old + 2, "the fencing token grew once for forgetting, once for the new owner");
        (await PublishAsync(old, "a")).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(next, "b", "new")).ShouldBe(PublishOutcome.Accepted);
        (await AskAsync("c", waitingFor: old)).ShouldBeOfType<LockerOutcome>().Data.ToArray().ShouldBe(Bytes("new"));
    }

    [Fact]
    public async Task A_waiter_does_not_get_what_was_forgotten()
    {
        long fencingToken = await TakeAsync("a");
        await PublishAsync(fencingToken, "a", freshFor: 0);
        (await ForgetAsync()).ShouldBeFalse();
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task Nothing_but_a_request_makes_a_namespace_or_a_key()
    {
        string ns = Namespace + "-typo";
        await using (var locker = new ProcessLocker(Store, new() { Namespace = ns, TimeProvider = Clock }))
        {
            (await locker.ForgetAsync("k")).ShouldBeFalse();
            (await locker.PeekAsync("k")).ShouldBeNull();
            (await locker.TryGetAsync("k")).ShouldBeNull();
            (await locker.PublishAsync("k", 1, Bytes("v"))).ShouldBe(PublishOutcome.Superseded);
            (await locker.FailAsync("k", 1, "kind", "message")).ShouldBe(PublishOutcome.Superseded);
            (await locker.GetStatsAsync()).Runs.ShouldBe(0);
        }

        await ChangesNothingAsync(ns, "k");
        if (Store.Maintenance is { } maintenance) (await maintenance.ListAsync(CancellationToken.None)).ShouldNotContain(new NamespaceRef(TransferKind.Locks, ns));

        // In a namespace that is used, it is the key that is not made: its first fencing token is not one more than that of something that was written down.
        await ChangesNothingAsync(Namespace, "k");
        long now = Clock.GetUtcNow().ToUnixTimeMilliseconds() * 1_000;
        (await TakeAsync("a")).ShouldBeInRange(now, now + 1_000);
        if (Store.Maintenance is { } listed) (await listed.ListAsync(CancellationToken.None)).ShouldContain(new NamespaceRef(TransferKind.Locks, Namespace));
    }

    private async Task ChangesNothingAsync(string ns, string name)
    {
        var key = new LockerKey(ns, name);
        (await Locks.ForgetAsync(key, LockTimeout, CancellationToken.None)).ShouldBeFalse();
        (await Locks.RenewAsync(key, 1, "a", Lease, CancellationToken.None)).ShouldBeFalse();
        (await Locks.ReleaseAsync(key, null, "a", CancellationToken.None)).ShouldBeFalse();
        (await Locks.TryGetAsync(key, CancellationToken.None)).ShouldBeNull();
        var publication = new LockerPublication(1, null, LockerOutcomeKind.Value, Bytes("v"), Lease, HandOver);
        (await Locks.PublishAsync(key, publication, CancellationToken.None)).ShouldBe(PublishOutcome.Superseded);
    }

    [Fact]
    public async Task A_key_can_be_looked_at()
    {
        long fencingToken = await TakeAsync("a");
        Clock.Advance(Seconds(2));
        var expected = new KeySnapshot { Key = "k", IsLocked = true, FencingToken = fencingToken, NodeId = "node-a", Age = Seconds(2), LeaseLeft = Seconds(3) };
        (await PeekAsync()).ShouldBe(expected);
        (await PeekAsync()).ShouldBe(expected);
        Clock.Advance(Seconds(5));
        (await PeekAsync()).ShouldBe(expected with { Age = Seconds(7), LeaseLeft = TimeSpan.Zero });
        await PublishAsync(fencingToken, "a", "x", freshFor: 10, kind: LockerOutcomeKind.Failure);
        Clock.Advance(Seconds(4));
        (await PeekAsync()).ShouldBe(new KeySnapshot { Key = "k", IsLocked = false, FencingToken = fencingToken, FreshFor = Seconds(6), IsFailure = true });
    }

    [Fact]
    public async Task Locked_keys_are_listed_in_pages()
    {
        for (int i = 0; i < 450; i++) await TakeAsync("a", $"key-{i:D3}");
        await Locks.ReleaseAsync(Key("key-007"), null, "a", CancellationToken.None);
        await PublishAsync(await TakeAsync("p"), "p");
        List<string> seen = [];
        string? cursor = null;
        do
        {
            LockerPage page = await Locks.ListAsync(Namespace, cursor, 100, CancellationToken.None);
            page.Items.ShouldAllBe(item => item.IsLocked && item.NodeId == "node-a");
            seen.AddRange(page.Items.Select(item => item.Key));
            cursor = page.Cursor;
        }
        while (cursor is not null);
        seen.Distinct().Order(StringComparer.Ordinal).ShouldBe(Enumerable.Range(0, 450).Where(i => i != 7).Select(i => $"key-{i:D3}"));
        (await Locks.ListAsync(Namespace + "-other", null, 100, CancellationToken.None)).Items.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("publish")]
    [InlineData("release")]
    [InlineData("forget")]
    public async Task Who_waits_is_notified_when_the_key_becomes_free(string how)
    {
        long fencingToken = await TakeAsync("a");
        int notifications = 0, others = 0;
        await using IAsyncDisposable one = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref notifications), CancellationToken.None);
        await using IAsyncDisposable two = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref notifications), CancellationToken.None);
        await using IAsyncDisposable other = await Locks.SubscribeAsync(Key("other"), _ => Interlocked.Increment(ref others), CancellationToken.None);
        (await AskAsync("waiter")).ShouldBeOfType<LockHeld>();
        await RenewAsync(fencingToken, "a");
        await PublishAsync(fencingToken, "wrong");
        notifications.ShouldBe(0);
        if (how == "publish") await PublishAsync(fencingToken, "a");
        else if (how == "release") await ReleaseAsync(fencingToken, "a");
        else await ForgetAsync();
        await Eventually.HoldsAsync(() => Volatile.Read(ref notifications) == 2, "both are notified");
        others.ShouldBe(0);
    }

    [Fact]
    public async Task Who_has_stopped_waiting_is_not_notified()
    {
        int notificationsA = 0, notificationsB = 0;
        IAsyncDisposable a = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref notificationsA), CancellationToken.None);
        await using IAsyncDisposable b = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref notificationsB), CancellationToken.None);
        await a.DisposeAsync();
        long fencingToken = await TakeAsync("x");
        (await AskAsync("waiter")).ShouldBeOfType<LockHeld>();
        await ReleaseAsync(fencingToken, "x");
        await Eventually.HoldsAsync(() => Volatile.Read(ref notificationsB) == 1, "b is notified");
        notificationsA.ShouldBe(0);
    }

    [Fact]
    public async Task A_request_made_after_the_call_to_subscribe_misses_nothing()
    {
        for (int i = 0; i < 50; i++)
        {
            long fencingToken = await TakeAsync("a");
            TaskCompletionSource notified = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<IAsyncDisposable> subscribing = Locks.SubscribeAsync(Key(), _ => notified.TrySetResult(), CancellationToken.None);
            Task<LockerReply> asking = AskAsync("b");
            Task<bool> releasing = ReleaseAsync(fencingToken, "a");
            await using IAsyncDisposable notification = await subscribing;
            LockerReply reply = await asking;
            (await releasing).ShouldBeTrue();
            if (!Fixture.OrdersSubscriptions && reply is LockGranted granted)
            {
                // The request waited for the subscription, and the release overtook it: there was nothing to miss.
                await ReleaseAsync(granted.FencingToken, "b");
                continue;
            }

            reply.ShouldBeOfType<LockHeld>();
            await notified.Task.WaitAsync(Seconds(60));
        }
    }

    [Fact]
    public async Task When_the_clock_goes_back_deadlines_are_cut_to_their_length()
    {
        long fencingToken = await TakeAsync("a");
        Clock.Advance(Seconds(3));
        Clock.Shift(-TimeSpan.FromHours(2));
        var held = (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        held.LeaseLeft.ShouldBe(Lease);
        held.Age.ShouldBe(TimeSpan.Zero);
        Clock.Advance(Lease);
        long second = (await AskAsync("b")).ShouldBeOfType<LockGranted>().FencingToken;
        second.ShouldBe(fencingToken + 1, "fencing tokens never fall back while the key is remembered");
        await PublishAsync(second, "b", freshFor: 10);
        Clock.Shift(-TimeSpan.FromHours(2));
        (await GetAsync()).ShouldNotBeNull();
        Clock.Advance(Seconds(10));
        (await GetAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task When_the_clock_goes_back_a_ceiling_is_cut_to_its_length()
    {
        long fencingToken = await TakeAsync("a", lease: Seconds(50), lockTimeout: Seconds(60));
        Clock.Shift(-TimeSpan.FromHours(2));
        (await RenewAsync(fencingToken, "a")).ShouldBeTrue();
        Clock.Advance(Seconds(40));
        (await RenewAsync(fencingToken, "a", Seconds(50))).ShouldBeTrue();
        Clock.Advance(Seconds(20));
        (await RenewAsync(fencingToken, "a")).ShouldBeFalse();
    }
}
