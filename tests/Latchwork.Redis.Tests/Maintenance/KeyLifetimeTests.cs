using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Maintenance;

/// <summary>Keys that arrive at the end of their time, on the server's own clock: there, what is kept has a life time that Redis checks.</summary>
public sealed class KeyLifetimeTests
{
    [Fact]
    public async Task A_key_that_arrives_when_its_time_is_over_is_taken_in_and_holds_nothing_up()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri);
        var unit = new NamespaceRef(TransferKind.Locks, "keys");
        var open = new TransferMarks(null, new TransferMark(TransferPhase.Importing, "move", 0, "elsewhere"));
        (await store.Maintenance!.SwitchAsync(unit, new TransferMarks(null, null), open, default)).ShouldBeTrue();
        var stale = new TransferResult(4, LockerOutcomeKind.Value, "x"u8.ToArray(), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1), TimeSpan.Zero);

        IReadOnlyList<ImportOutcome> outcomes = await store.Maintenance.WriteKeysAsync(
            "keys",
            "move",
            [new TransferKey("bare", 5, TimeSpan.Zero, null, null, TimeSpan.Zero), new TransferKey("stale", 5, TimeSpan.Zero, stale, null, TimeSpan.Zero)],
            default);

        outcomes.ShouldBe([ImportOutcome.Imported, ImportOutcome.Imported]);
        (await store.Locks.TryGetAsync(new LockerKey("keys", "stale"), default)).ShouldBeNull();
    }
}
