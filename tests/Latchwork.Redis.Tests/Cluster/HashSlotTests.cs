using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>In which slot a key lies, and how partitions are spread over the slots.</summary>
public sealed class HashSlotTests
{
    [Fact]
    public void The_checksum_is_that_of_the_standard() => HashSlot.Add(0, "123456789"u8).ShouldBe((ushort)0x31c3);

    [Fact]
    public async Task The_slot_of_any_key_is_the_one_that_the_server_gives()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Primaries = 1, Replicas = 0 });
        RedisServer server = cluster.Servers[0];
        var random = new Random(7);
        string[] pieces = ["{", "}", "x", "ü", ":", "%7D", "lw:", "123"];
        List<string> keys = ["}x", "{}", "{", "}", "{}x{y}", "a{}b", "{{x}}", "a{b}{c}", "x{y"];
        for (int i = 0; i < 100; i++) keys.Add(string.Concat(random.GetItems(pieces, random.Next(1, 8))));
        var locks = new RedisKeys("lw:");
        foreach (string key in keys.ToArray())
        {
            keys.AddRange(locks.Of(new LockerKey(key, key)).All.Select(name => name.ToString()));
            keys.Add(locks.Of(new TimerPartition(key, 1)).ChannelPrefix);
        }

        string script = "local slots = {} for i, key in ipairs(ARGV) do slots[i] = redis.call('CLUSTER', 'KEYSLOT', key) end return slots";
        string answer = await server.CommandAsync(["EVAL", script, "0", .. keys]);
        keys.Select(key => $"{HashSlot.Of(key)}").ShouldBe(answer.Split('\n'));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(12)]
    [InlineData(24)]
    [InlineData(48)]
    public void Partitions_of_any_namespace_are_spread_evenly_over_three_primaries(int partitions)
    {
        var keys = new RedisKeys("lw:");
        foreach (string ns in Enumerable.Range(0, 10).Select(i => $"kind-{i}").Append("}x").Append("{}"))
        {
            int[] counts = new int[3];
            for (int i = 0; i < partitions; i++) counts[HashSlot.Of(keys.Of(new TimerPartition(ns, i)).ChannelPrefix) * 3L / HashSlot.Count]++;
            counts.ShouldAllBe(count => count == partitions / 3, $"{ns}: {string.Join(' ', counts)}");
        }
    }

    [Theory]
    [InlineData(2, 8)]
    [InlineData(3, 32)]
    [InlineData(4, 16)]
    [InlineData(5, 64)]
    [InlineData(6, 48)]
    [InlineData(12, 60)]
    public void Any_number_of_partitions_is_spread_nearly_evenly_over_any_number_of_primaries(int primaries, int partitions)
    {
        var keys = new RedisKeys("lw:");
        for (int n = 0; n < 10; n++)
        {
            int[] counts = new int[primaries];
            for (int i = 0; i < partitions; i++)
                counts[HashSlot.Of(keys.Of(new TimerPartition($"kind-{n}", i)).ChannelPrefix) * (long)primaries / HashSlot.Count]++;
            counts.ShouldAllBe(count => Math.Abs(count - (partitions / (double)primaries)) < 2, $"kind-{n}: {string.Join(' ', counts)}");
        }
    }

    [Fact]
    public void Tags_of_partitions_never_change()
    {
        var keys = new RedisKeys("lw:");
        keys.Of(new TimerPartition("dt", 0)).ChannelPrefix.ShouldBe("lw:{t:dt:0}:wake:");
        keys.Of(new TimerPartition("dt", 1)).ChannelPrefix.ShouldBe("lw:{t:dt:1:28679}:wake:");
        keys.Of(new TimerPartition("dt", 11)).ChannelPrefix.ShouldBe("lw:{t:dt:11:5513}:wake:");
        keys.Of(new TimerPartition("order-unpaid", 5)).ChannelPrefix.ShouldBe("lw:{t:order-unpaid:5:5017}:wake:");
    }
}
