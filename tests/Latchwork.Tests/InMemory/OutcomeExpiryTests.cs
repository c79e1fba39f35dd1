using Latchwork.Storage;
using Latchwork.Storage.InMemory;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.InMemory;

/// <summary>The memory that outcomes take, by the clock.</summary>
public sealed class OutcomeExpiryTests
{
    private static readonly TimeSpan _handOver = TimeSpan.FromSeconds(2);

    private readonly ManualTimeProvider _clock = new();

    [Fact]
    public async Task Three_hundred_results_of_1_MiB_without_a_lifetime_take_nothing_after_their_hand_over()
    {
        await using var store = new InMemoryStore(_clock);
        byte[] result = new byte[1 << 20];
        for (int i = 0; i < 300; i++) await RunAsync(store, $"{i}", result, TimeSpan.Zero);
        Bytes(store).ShouldBe(300 << 20, "somebody may still come who waits");
        _clock.Advance(_handOver);
        Bytes(store).ShouldBe(0);
        ((InMemoryLockerStore)store.Locks).Count.ShouldBe(300, "the fencing tokens are kept");
    }

    [Fact]
    public async Task A_clock_that_goes_back_delays_it_by_no_more_than_the_length()
    {
        await using var store = new InMemoryStore(_clock);
        for (int i = 0; i < 5; i++) await RunAsync(store, $"{i}", new byte[100], TimeSpan.Zero);
        _clock.Shift(TimeSpan.FromDays(-1));
        for (int i = 0; i < 6; i++) _clock.Advance(_handOver); // the first time it is found that the clock went back
        Bytes(store).ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_is_awaited_when_there_is_no_outcome()
    {
        await using var store = new InMemoryStore(_clock);
        await RunAsync(store, "a", new byte[100], TimeSpan.FromDays(365));
        _clock.NextDueIn.ShouldBe(TimeSpan.FromDays(1), "long waits are cut");
        await RunAsync(store, "a", new byte[100], TimeSpan.FromMinutes(1));
        _clock.NextDueIn.ShouldBe(TimeSpan.FromMinutes(1), "a later outcome may be over earlier");
        await store.Locks.ForgetAsync(new LockerKey("n", "a"), TimeSpan.FromHours(1), default);
        _clock.NextDueIn.ShouldBeNull();
        await RunAsync(store, "a", new byte[100], TimeSpan.FromDays(365));
        _clock.Advance(TimeSpan.FromDays(364));
        Bytes(store).ShouldBe(100);
        _clock.Advance(TimeSpan.FromDays(1));
        Bytes(store).ShouldBe(0);
        _clock.NextDueIn.ShouldBeNull();
    }

    private static long Bytes(InMemoryStore store) => ((InMemoryLockerStore)store.Locks).OutcomeBytes("n");

    private static async Task RunAsync(InMemoryStore store, string name, byte[] result, TimeSpan freshFor)
    {
        var key = new LockerKey("n", name);
        TimeSpan hour = TimeSpan.FromHours(1);
        var granted = (await store.Locks.RequestAsync(key, new LockerRequest("node", name, hour, hour, null, LockOnly: true), default)).ShouldBeOfType<LockGranted>();
        await store.Locks.PublishAsync(key, new LockerPublication(granted.FencingToken, name, LockerOutcomeKind.Value, result, freshFor, _handOver), default);
    }
}
