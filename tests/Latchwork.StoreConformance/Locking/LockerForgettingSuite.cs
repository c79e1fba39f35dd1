using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>Forgetting, looking, listing, bells, and a clock that is set back.</summary>
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
        next.ShouldBe(old + 2, "the generation grew once for forgetting, once for the new owner");
        (await PublishAsync(old, "a")).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(next, "b", "new")).ShouldBe(PublishOutcome.Accepted);
        (await AskAsync("c", waitingFor: old)).ShouldBeOfType<LockerOutcome>().Data.ToArray().ShouldBe(Bytes("new"));
    }

    [Fact]
    public async Task A_waiter_does_not_get_what_was_forgotten()
    {
        long generation = await TakeAsync("a");
        await PublishAsync(generation, "a", freshFor: 0);
        (await ForgetAsync()).ShouldBeFalse();
        (await AskAsync("b", waitingFor: generation)).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task A_key_can_be_looked_at()
    {
        long generation = await TakeAsync("a");
        Clock.Advance(Seconds(2));
        var expected = new KeySnapshot { Key = "k", IsLocked = true, Generation = generation, NodeId = "node-a", Age = Seconds(2), LeaseLeft = Seconds(3) };
        (await ShowAsync()).ShouldBe(expected);
        (await ShowAsync()).ShouldBe(expected);
        Clock.Advance(Seconds(5));
        (await ShowAsync()).ShouldBe(expected with { Age = Seconds(7), LeaseLeft = TimeSpan.Zero });
        await PublishAsync(generation, "a", "x", freshFor: 10, kind: LockerOutcomeKind.Failure);
        Clock.Advance(Seconds(4));
        (await ShowAsync()).ShouldBe(new KeySnapshot { Key = "k", IsLocked = false, Generation = generation, FreshFor = Seconds(6), IsFailure = true });
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
    public async Task Who_waits_is_rung_when_the_key_becomes_free(string how)
    {
        long generation = await TakeAsync("a");
        int rings = 0, others = 0;
        await using IAsyncDisposable one = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref rings), CancellationToken.None);
        await using IAsyncDisposable two = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref rings), CancellationToken.None);
        await using IAsyncDisposable other = await Locks.SubscribeAsync(Key("other"), _ => Interlocked.Increment(ref others), CancellationToken.None);
        (await AskAsync("waiter")).ShouldBeOfType<LockHeld>();
        await RenewAsync(generation, "a");
        await PublishAsync(generation, "wrong");
        rings.ShouldBe(0);
        if (how == "publish") await PublishAsync(generation, "a");
        else if (how == "release") await ReleaseAsync(generation, "a");
        else await ForgetAsync();
        await Eventually.HoldsAsync(() => Volatile.Read(ref rings) == 2, "both are rung");
        others.ShouldBe(0);
    }

    [Fact]
    public async Task Who_has_stopped_waiting_is_not_rung()
    {
        int ringsA = 0, ringsB = 0;
        IAsyncDisposable a = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref ringsA), CancellationToken.None);
        await using IAsyncDisposable b = await Locks.SubscribeAsync(Key(), _ => Interlocked.Increment(ref ringsB), CancellationToken.None);
        await a.DisposeAsync();
        long generation = await TakeAsync("x");
        (await AskAsync("waiter")).ShouldBeOfType<LockHeld>();
        await ReleaseAsync(generation, "x");
        await Eventually.HoldsAsync(() => Volatile.Read(ref ringsB) == 1, "b is rung");
        ringsA.ShouldBe(0);
    }

    [Fact]
    public async Task A_request_made_after_the_call_to_subscribe_misses_nothing()
    {
        for (int i = 0; i < 50; i++)
        {
            long generation = await TakeAsync("a");
            TaskCompletionSource rung = new(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<IAsyncDisposable> subscribing = Locks.SubscribeAsync(Key(), _ => rung.TrySetResult(), CancellationToken.None);
            Task<LockerReply> asking = AskAsync("b");
            Task<bool> releasing = ReleaseAsync(generation, "a");
            await using IAsyncDisposable bell = await subscribing;
            LockerReply reply = await asking;
            (await releasing).ShouldBeTrue();
            if (!Fixture.OrdersSubscriptions && reply is LockGranted granted)
            {
                // The request waited for the subscription, and the release overtook it: there was nothing to miss.
                await ReleaseAsync(granted.Generation, "b");
                continue;
            }

            reply.ShouldBeOfType<LockHeld>();
            await rung.Task.WaitAsync(Seconds(60));
        }
    }

    [Fact]
    public async Task When_the_clock_goes_back_deadlines_are_cut_to_their_length()
    {
        long generation = await TakeAsync("a");
        Clock.Advance(Seconds(3));
        Clock.Shift(-TimeSpan.FromHours(2));
        var held = (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        held.LeaseLeft.ShouldBe(Lease);
        held.Age.ShouldBe(TimeSpan.Zero);
        Clock.Advance(Lease);
        long second = (await AskAsync("b")).ShouldBeOfType<LockGranted>().Generation;
        second.ShouldBe(generation + 1, "generations never fall back while the key is remembered");
        await PublishAsync(second, "b", freshFor: 10);
        Clock.Shift(-TimeSpan.FromHours(2));
        (await GetAsync()).ShouldNotBeNull();
        Clock.Advance(Seconds(10));
        (await GetAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task When_the_clock_goes_back_a_ceiling_is_cut_to_its_length()
    {
        long generation = await TakeAsync("a", lease: Seconds(50), lockTimeout: Seconds(60));
        Clock.Shift(-TimeSpan.FromHours(2));
        (await RenewAsync(generation, "a")).ShouldBeTrue();
        Clock.Advance(Seconds(40));
        (await RenewAsync(generation, "a", Seconds(50))).ShouldBeTrue();
        Clock.Advance(Seconds(20));
        (await RenewAsync(generation, "a")).ShouldBeFalse();
    }
}
