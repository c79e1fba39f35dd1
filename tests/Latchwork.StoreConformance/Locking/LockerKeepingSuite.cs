using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>How long a store keeps the bytes of outcomes: as long as somebody may ask for them, and no longer. By the store's own clock.</summary>
public abstract class LockerKeepingSuite(StoreFixture fixture) : LockerSuite(fixture)
{
    private const int Count = 300;
    private const int Size = 4_096; // not so few that a store may keep them elsewhere

    [Fact]
    public async Task Bytes_that_nobody_can_ask_for_go_without_another_operation()
    {
        await using LatchworkStore store = await Fixture.OpenAsync(clock: null);
        await store.Locks.OpenAsync(Namespace, CancellationToken.None);
        await RunAsync(store, "kept-for-those-who-wait", freshFor: TimeSpan.Zero, handOverFor: TimeSpan.FromMinutes(10));
        await RunAsync(store, "fresh", freshFor: TimeSpan.FromMinutes(10), handOverFor: TimeSpan.Zero);
        (await Fixture.OutcomeBytesAsync(store, Namespace)).ShouldBe(2 * Size);
        for (int i = 0; i < Count; i++)
        {
            // Those of no use to anybody, those that were handed over, and those that were fresh.
            await RunAsync(store, $"over-{i}", freshFor: i % 3 == 2 ? Ms(200) : TimeSpan.Zero, handOverFor: i % 3 == 1 ? Ms(200) : TimeSpan.Zero);
        }

        await Eventually.ReadsAsync(() => Fixture.OutcomeBytesAsync(store, Namespace), bytes => bytes == 2 * Size, "what is over is gone, and the rest is there");
        (await store.Locks.TryGetAsync(Key("fresh"), CancellationToken.None))!.Data.Length.ShouldBe(Size);
    }

    [Fact]
    public async Task A_forgotten_outcome_and_one_that_was_replaced_leave_no_bytes()
    {
        await using LatchworkStore store = await Fixture.OpenAsync(clock: null);
        await store.Locks.OpenAsync(Namespace, CancellationToken.None);
        TimeSpan day = TimeSpan.FromDays(1);
        for (int i = 0; i < 3; i++) await RunAsync(store, "replaced", day, day, size: Size * (i + 1));
        await RunAsync(store, "replaced by nothing", day, day);
        await RunAsync(store, "replaced by nothing", day, day, size: 0);
        await RunAsync(store, "forgotten", day, day);
        await store.Locks.ForgetAsync(Key("forgotten"), LockTimeout, CancellationToken.None);
        (await Fixture.OutcomeBytesAsync(store, Namespace)).ShouldBe(3 * Size);
    }

    private async Task RunAsync(LatchworkStore store, string name, TimeSpan freshFor, TimeSpan handOverFor, int size = Size)
    {
        var request = new LockerRequest("node", name, TimeSpan.FromMinutes(1), TimeSpan.FromHours(1), WaitingFor: null, LockOnly: true);
        var granted = (await store.Locks.RequestAsync(Key(name), request, CancellationToken.None)).ShouldBeOfType<LockGranted>();
        var publication = new LockerPublication(granted.FencingToken, name, LockerOutcomeKind.Value, new byte[size], freshFor, handOverFor);
        (await store.Locks.PublishAsync(Key(name), publication, CancellationToken.None)).ShouldBe(PublishOutcome.Accepted);
    }
}
