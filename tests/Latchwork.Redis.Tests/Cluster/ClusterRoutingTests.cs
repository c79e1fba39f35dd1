using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Scripts find the primary of their keys, while slots are moved and afterwards.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterRoutingTests(ClusterFixture fixture)
{
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', KEYS[1])");
    private static readonly RedisScript _both = new("both", "return redis.call('INCR', KEYS[1]) + redis.call('INCR', KEYS[2])");

    private RedisCluster Cluster => fixture.Cluster;

    [Fact]
    public async Task Each_script_runs_at_the_primary_of_its_key()
    {
        await using RedisConnection connection = await ConnectAsync();
        foreach (RedisServer primary in Cluster.Servers) await primary.CommandAsync("CONFIG", "RESETSTAT");
        string[] keys = [.. Enumerable.Range(0, 300).Select(i => $"{Guid.NewGuid():N}-{i}")];
        RedisReply[] replies = await Task.WhenAll(keys.Select(key => connection.EvaluateAsync(_count, [key], [], CancellationToken.None).AsTask()));
        replies.ShouldAllBe(reply => reply.Number == 1);
        foreach (RedisServer primary in Cluster.Servers)
        {
            (await primary.CommandAsync("INFO", "commandstats")).ShouldContain("cmdstat_incr:");
            (await primary.CommandAsync("INFO", "errorstats")).ShouldNotContain("MOVED");
        }
    }

    [Fact]
    public async Task A_script_whose_slot_has_moved_follows_it()
    {
        await using RedisConnection connection = await ConnectAsync();
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        (await CountAsync(connection, key)).ShouldBe(1);
        await Cluster.MoveSlotAsync(slot, target);
        (await CountAsync(connection, key)).ShouldBe(2);
        (await source.CommandAsync("INFO", "errorstats")).ShouldContain("MOVED");

        // The map is asked for anew, and then nothing goes to the old owner any more.
        await Cluster.AgreementAsync(slot, target);
        await Eventually.ReadsAsync(
            async () =>
            {
                await source.CommandAsync("CONFIG", "RESETSTAT");
                await CountAsync(connection, key);
                return await source.CommandAsync("INFO", "errorstats");
            },
            errors => !errors.Contains("MOVED", StringComparison.Ordinal),
            "the new owner is known");
    }

    [Fact]
    public async Task A_key_that_is_not_there_any_more_while_its_slot_moves_is_found_at_the_target()
    {
        await using RedisConnection connection = await ConnectAsync();
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        (await CountAsync(connection, key)).ShouldBe(1);
        await Cluster.BeginMoveAsync(slot, target);
        (await CountAsync(connection, key)).ShouldBe(2);
        (await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue)).ShouldBe(1);
        (await CountAsync(connection, key)).ShouldBe(3);
        (await target.CommandAsync("CLUSTER", "COUNTKEYSINSLOT", $"{slot}")).ShouldBe("1");
        await Cluster.EndMoveAsync(slot, source, target);
        (await CountAsync(connection, key)).ShouldBe(4);
    }

    [Fact]
    public async Task A_large_script_that_the_target_does_not_know_yet_is_loaded_there_while_the_slot_moves()
    {
        await using RedisConnection connection = await ConnectAsync();
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        var script = new RedisScript("new", $"return #ARGV[1] -- {Guid.NewGuid():N}");
        await Cluster.BeginMoveAsync(slot, target);
        RedisReply reply = await connection.EvaluateAsync(script, [key], [new byte[300_000]], CancellationToken.None);
        reply.Number.ShouldBe(300_000);
        (await target.CommandAsync("SCRIPT", "EXISTS", script.Sha1)).ShouldBe("1");
        await Cluster.EndMoveAsync(slot, source, target);
    }

    [Fact]
    public async Task A_script_on_keys_of_which_only_some_have_moved_waits_until_all_have()
    {
        await using RedisConnection connection = await ConnectAsync();
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        string other = key + "-2";
        (await connection.EvaluateAsync(_both, [key, other], [], CancellationToken.None)).Number.ShouldBe(2);
        await Cluster.BeginMoveAsync(slot, target);
        await RedisCluster.MoveKeysAsync(source, target, key);
        Task<RedisReply> waiting = connection.EvaluateAsync(_both, [key, other], [], CancellationToken.None).AsTask();
        await Eventually.ReadsAsync(
            () => source.CommandAsync("INFO", "errorstats"), errors => errors.Contains("TRYAGAIN", StringComparison.Ordinal), "it is told to try again");
        waiting.IsCompleted.ShouldBeFalse();
        await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue);
        await Cluster.EndMoveAsync(slot, source, target);
        (await waiting).Number.ShouldBe(4);
    }

    [Fact]
    public async Task Waiting_for_a_slot_ends_with_the_deadline_and_nothing_was_changed()
    {
        await using RedisConnection connection = await ConnectAsync("?commandTimeout=400ms&connectTimeout=2m");
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        string other = key + "-2";
        await source.CommandAsync("MSET", key, "1", other, "1");
        await Cluster.BeginMoveAsync(slot, target);
        await RedisCluster.MoveKeysAsync(source, target, key);

        // A machine that stalls in the moment of an answer makes the outcome unknown.
        LatchworkStoreException error = await Eventually.ReadsAsync(
            () => Should.ThrowAsync<LatchworkStoreException>(() => connection.EvaluateAsync(_both, [key, other], [], CancellationToken.None).AsTask()),
            failure => failure.Outcome == StoreOutcome.NotApplied,
            "it is known that nothing was changed");
        error.IsTransient.ShouldBeTrue();
        error.Message.ShouldContain("TRYAGAIN");
        error.Message.ShouldContain("400 ms");

        using var giveUp = new CancellationTokenSource();
        Task<RedisReply> waiting = connection.EvaluateAsync(_both, [key, other], [], giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting);

        await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue);
        await Cluster.EndMoveAsync(slot, source, target);
        (await Eventually.ReadsAsync(() => target.CommandAsync("MGET", key, other), _ => true, "")).ShouldBe("1\n1");
    }

    [Fact]
    public async Task Members_that_send_a_script_back_and_forth_are_asked_with_pauses_and_not_without_end()
    {
        await using RedisConnection connection = await ConnectAsync("?commandTimeout=400ms&connectTimeout=2m");
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        await source.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "MIGRATING", await target.CommandAsync("CLUSTER", "MYID")); // The target is not told.
        int tries = 0;
        LatchworkStoreException error = await Eventually.ReadsAsync(
            () =>
            {
                tries++;
                return Should.ThrowAsync<LatchworkStoreException>(() => CountAsync(connection, key));
            },
            failure => failure.Outcome == StoreOutcome.NotApplied,
            "it is known that nothing was changed");
        error.Message.ShouldContain("400 ms");
        string line = (await source.CommandAsync("INFO", "errorstats")).Split('\n').First(text => text.StartsWith("errorstat_ASK:count=", StringComparison.Ordinal));
        int.Parse(line["errorstat_ASK:count=".Length..].Trim()).ShouldBeLessThan(100 * tries);
        await source.CommandAsync("CLUSTER", "SETSLOT", $"{slot}", "STABLE");
        await using RedisConnection patient = await ConnectAsync();
        (await CountAsync(patient, key)).ShouldBe(1);
    }

    [Fact]
    public async Task Keys_of_several_slots_are_refused_before_anything_is_sent()
    {
        await using RedisConnection connection = await ConnectAsync();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => connection.EvaluateAsync(_both, ["a", "b"], [], CancellationToken.None).AsTask());
        error.Message.ShouldContain("'both'");
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
        error.IsTransient.ShouldBeFalse();
    }

    [Fact]
    public async Task What_waits_when_the_connection_is_closed_fails_as_not_applied()
    {
        RedisConnection connection = await ConnectAsync();
        (string key, int slot, RedisServer source, RedisServer target) = await PickAsync();
        string other = key + "-2";
        await source.CommandAsync("MSET", key, "1", other, "1");
        await Cluster.BeginMoveAsync(slot, target);
        await RedisCluster.MoveKeysAsync(source, target, key);
        Task<RedisReply> waiting = connection.EvaluateAsync(_both, [key, other], [], CancellationToken.None).AsTask();
        await connection.DisposeAsync();
        (await Should.ThrowAsync<LatchworkStoreException>(() => waiting)).Outcome.ShouldBe(StoreOutcome.NotApplied);
        await Should.ThrowAsync<Exception>(() => connection.EvaluateAsync(_count, [key], [], CancellationToken.None).AsTask());
        await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue);
        await Cluster.EndMoveAsync(slot, source, target);
    }

    private async Task<RedisConnection> ConnectAsync(string query = "?commandTimeout=2m&connectTimeout=2m") =>
        await TestConnection.OpenAsync(Cluster.Uri + query);

    private static async Task<long> CountAsync(RedisConnection connection, string key) =>
        (await connection.EvaluateAsync(_count, [key], [], CancellationToken.None)).Number;

    // A key of its own for the test, its slot, who has it, and another primary.
    private async Task<(string Key, int Slot, RedisServer Source, RedisServer Target)> PickAsync()
    {
        string key = $"{{{Guid.NewGuid():N}}}";
        int slot = await Cluster.SlotOfAsync(key);
        RedisServer source = await Cluster.OwnerOfAsync(slot);
        await source.CommandAsync("CONFIG", "RESETSTAT");
        return (key, slot, source, Cluster.Servers.First(server => server != source));
    }
}
