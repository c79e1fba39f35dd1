using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>
/// While a slot is moved, its former owner lets a script begin if all its keys are there, and breaks it off when it comes back to a key that it
/// has emptied itself. So here all keys exist; and the scripts empty some of them, and fill them again.
/// </summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterAtomicityTests(ClusterFixture fixture)
{
    private static readonly DeadLetterLimits _limits = new(TimeSpan.FromDays(1), 100);

    [Fact]
    public async Task A_claim_that_comes_while_all_keys_of_its_partition_are_about_to_move_is_done_as_a_whole()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        var partition = new TimerPartition($"whole-{Guid.NewGuid():N}", 0);
        foreach (string id in (string[])["dies", "runs", "waits"])
            await store.Timers.PostAsync(partition, [new TimerEntry(id, DateTimeOffset.UnixEpoch, "payload"u8.ToArray(), 0, IfExists.Replace, null, true)], CancellationToken.None);
        string first = (await ClaimAsync("one")).Events.Single().Id;
        await store.Timers.FailAsync(partition, [new TimerFailure(new DeliveryKey(first, "one"), "node", "no", null, DeadLetterReason.Rejected)], _limits, CancellationToken.None);
        (await ClaimAsync("two")).Events.Count.ShouldBe(1);
        await Task.Delay(TimeSpan.FromSeconds(1.2)); // Until the node's poll slot is over, so that it gets a new one.

        int slot = HashSlot.Of(new RedisKeys("lw:").Of(partition).ChannelPrefix);
        TimerClaim claim = await WhileMovingAsync(slot, () => ClaimAsync("three"));
        claim.Events.Count.ShouldBe(1, "what was left");

        Task<TimerClaim> ClaimAsync(string token) => store.Timers.ClaimAsync(
            partition, new ClaimRequest("node", token, 1, 10, 0, TimeSpan.FromHours(1), _limits), CancellationToken.None);
    }

    [Fact]
    public async Task A_lock_that_is_renewed_while_its_keys_are_about_to_move_is_not_lost()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        var key = new LockerKey("whole", $"{Guid.NewGuid():N}");
        long former = (await RequestAsync("former")).FencingToken;
        await store.Locks.PublishAsync(
            key,
            new LockerPublication(former, "former", LockerOutcomeKind.Value, "result"u8.ToArray(), TimeSpan.FromHours(1), TimeSpan.FromHours(1)),
            CancellationToken.None);
        long fencingToken = (await RequestAsync("owner")).FencingToken;

        int slot = HashSlot.Of(new RedisKeys("lw:", () => true).Of(key).Channel);
        (await WhileMovingAsync(slot, () => store.Locks.RenewAsync(key, fencingToken, "owner", TimeSpan.FromHours(1), CancellationToken.None))).ShouldBeTrue();
        (await store.Locks.RequestAsync(key, new LockerRequest("node", "other", TimeSpan.FromHours(1), TimeSpan.FromHours(2), null, true), CancellationToken.None))
            .ShouldBeOfType<LockHeld>().FencingToken.ShouldBe(fencingToken);

        async Task<LockGranted> RequestAsync(string nonce) => (await store.Locks.RequestAsync(
            key, new LockerRequest("node", nonce, TimeSpan.FromHours(1), TimeSpan.FromHours(2), null, true), CancellationToken.None)).ShouldBeOfType<LockGranted>();
    }

    // Does something when the move of a slot has begun and no key has moved yet, and ends the move when it was done, or told to try again.
    private async Task<T> WhileMovingAsync<T>(int slot, Func<Task<T>> action)
    {
        RedisServer owner = await fixture.Cluster.OwnerOfAsync(slot);
        RedisServer target = fixture.Cluster.Servers.First(server => server != owner);
        RedisServer source = await fixture.Cluster.BeginMoveAsync(slot, target);
        int before = await fixture.Cluster.RefusalsAsync("TRYAGAIN");
        Task<T> result = action();
        await Eventually.ReadsAsync(
            () => fixture.Cluster.RefusalsAsync("TRYAGAIN"), now => result.IsCompleted || now > before, "it was done, or told to try again");
        await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue);
        await fixture.Cluster.EndMoveAsync(slot, source, target);
        return await result;
    }
}
