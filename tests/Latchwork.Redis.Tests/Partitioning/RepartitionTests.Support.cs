using System.Text;
using Latchwork.Redis.Tests.Support;
using Latchwork.Redis.Tests.Timers;
using Latchwork.Storage;
using Shouldly;

namespace Latchwork.Redis.Tests.Partitioning;

/// <content>Fills namespaces, repartitions them, and reads all that they have.</content>
public sealed partial class RepartitionTests
{
    private static TimerEntry Entry(string id, double dueInMs = 0, int maxRetries = 0, string payload = "{}", IReadOnlyDictionary<string, string>? headers = null) =>
        new(id, Due.In(TimeSpan.FromMilliseconds(dueInMs)), Encoding.UTF8.GetBytes(payload), maxRetries, IfExists.Fail, headers, IdIsNew: false);

    private async Task<PartitionChange> RepartitionAsync(RedisStore store, int to) => (await store.Maintenance.RepartitionAsync(_ns, to, null, default)).ShouldNotBeNull();

    private void LetNodesDie() => _clock.Advance(TimeSpan.FromMinutes(1));

    private async Task<RedisStore> ConnectAsync(int partitions)
    {
        if (_stores.Find(store => store.Maintenance.Place.EndsWith($"partitions={partitions}", StringComparison.Ordinal)) is { } known) return known;
        RedisStore made = await PartitionedFixture.ConnectAsync(fixture.Server, partitions, _clock);
        _stores.Add(made);
        return made;
    }

    private async Task<(RedisStore Store, StoppingConnection Connection)> ConnectOverAsync(int partitions, int stopAt, bool afterEffect, Func<int, Task>? before = null)
    {
        var options = new RedisOptions { Partitions = partitions, TimeProvider = _clock };
        var connection = new StoppingConnection(await TestConnection.OpenAsync(fixture.Server.LenientUri, options), stopAt, afterEffect) { Before = before };
        var store = new RedisStore(connection, options);
        _stores.Add(store);
        return (store, connection);
    }

    private static async Task<bool> IsServedAsync(RedisStore store, string ns)
    {
        try
        {
            await using var timer = new DistributedTimer(store, new() { Namespace = ns });
            await timer.GetStatsAsync();
            return true;
        }
        catch (LatchworkStoreException e)
        {
            e.Outcome.ShouldBe(StoreOutcome.NotApplied);
            return false;
        }
    }

    private async Task ShouldBeRefusedAsync(RedisStore store, string told, string? ns = null)
    {
        await using var timer = new DistributedTimer(store, new() { Namespace = ns ?? _ns });
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero));
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
        e.Message.ShouldContain(told);
    }

    /// <summary>Events in every state: scheduled, failed and retried up to twelve times, in flight, dead, with headers or without, small and large.</summary>
    private async Task FillAsync(RedisStore store, int partitions, int seed, int count, string? ns = null)
    {
        ns ??= _ns;
        var random = new Random(seed);
        await store.Timers.OpenAsync(ns, default);
        for (int round = 0; round < 4; round++)
        {
            TimerEntry[] entries = [.. Enumerable.Range(round * count / 4, ((round + 1) * count / 4) - (round * count / 4)).Select(i => Entry(
                $"id-{i}-ü", round == 3 ? random.Next(1, 100_000) : 0, random.Next(0, 3), new string('p', random.Next(0, i % 50 == 0 ? 60_000 : 300)),
                random.Next(2) == 0 ? null : new Dictionary<string, string> { ["h"] = $"{i}", ["e"] = "" }))];
            foreach (IGrouping<TimerPartition, TimerEntry> group in entries.GroupBy(e => TimerPartition.Of(ns, e.Id, partitions)))
                (await store.Timers.PostAsync(group.Key, [.. group], default)).ShouldAllBe(outcome => outcome == PostOutcome.Created);
            if (round == 3) break;
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            for (int i = 0; i < partitions; i++) await FailSomeAsync(store, new TimerPartition(ns, i), random, round);
        }
    }

    private async Task FailSomeAsync(RedisStore store, TimerPartition partition, Random random, int round)
    {
        for (int attempt = 0; attempt < 3; attempt++)
        {
            string token = $"t-{random.Next()}";
            TimerClaim claim = await store.Timers.ClaimAsync(partition, new("n1", token, 200, 400, 0, TimeSpan.FromSeconds(30), _keepDeadLetters), default);
            TimerFailure[] failures = [.. claim.Events.Where(_ => random.Next(3) > 0).Select(e => new TimerFailure(
                new(e.Id, token), "n1", $"error {attempt} {new string('x', random.Next(100))}", random.Next(4) == 0 ? null : TimeSpan.FromMilliseconds(random.Next(2000) * round), DeadLetterReason.Rejected))];
            if (failures.Length > 0) await store.Timers.FailAsync(partition, failures, _keepDeadLetters, default);
            _clock.Advance(TimeSpan.FromMilliseconds(5));
        }
    }

    /// <summary>Every event, read partition by partition; of each all that can be seen.</summary>
    private async Task<Dictionary<string, string>> ReadAsync(RedisStore store, int partitions, string? ns = null)
    {
        ns ??= _ns;
        var all = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < partitions; i++)
        {
            var partition = new TimerPartition(ns, i);
            string key = new RedisKeys(RedisOptions.DefaultKeyPrefix).Of(partition).ChannelPrefix[..^"wake:".Length];
            foreach (string set in (string[])["due", "flight", "dead"])
            {
                foreach (string id in (await fixture.Server.CommandAsync("ZRANGE", key + set, "0", "-1")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                {
                    TimerPartition.Of(ns, id, partitions).ShouldBe(partition, id);
                    TimerSnapshot e = (await store.Timers.PeekAsync(partition, id, default)).ShouldNotBeNull(id);
                    string text = $"{e.State} {e.Due:O} {e.TimeLeft} {e.LeaseLeft} {e.Token} {e.NodeId} {e.Retries}/{e.MaxRetries} {e.DeadLetterReason} {e.DeadLetteredAt:O} "
                        + $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(e.Payload.Span))} {string.Join(',', e.Headers)} {string.Join(',', e.Failures)}";
                    all.TryAdd(id, text).ShouldBeTrue($"'{id}' is there twice");
                }
            }

            foreach (string hash in (string[])["body", "tries"])
            {
                foreach (string id in (await fixture.Server.CommandAsync("HKEYS", key + hash)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                    all.ContainsKey(id).ShouldBeTrue($"{hash} of '{id}' is left over");
            }
        }

        return all;
    }
}
