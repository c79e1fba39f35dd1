using System.Collections.Concurrent;
using System.Text;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Subscriptions stand where scripts count who hears them, and follow the slot of their channel.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterSubscriptionTests(ClusterFixture fixture)
{
    private static readonly RedisScript _publish = new("ring", "return redis.call('PUBLISH', ARGV[1], ARGV[2])");

    private RedisCluster Cluster => fixture.Cluster;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_listens_is_counted_where_the_script_runs(bool isPlain)
    {
        await using RedisConnection listener = await ConnectAsync(isPlain);
        await using RedisConnection notifier = await ConnectAsync(isPlain);
        for (int i = 0; i < 20; i++)
        {
            string channel = $"{{{Guid.NewGuid():N}}}:wake";
            var heard = new ConcurrentQueue<string>();
            await using (await listener.SubscribeAsync(channel, message => heard.Enqueue(Encoding.UTF8.GetString(message.Span)), () => { }, CancellationToken.None))
            {
                (await NotifyAsync(notifier, channel, "a")).ShouldBe(1);
                (await NotifyAsync(listener, channel, "b")).ShouldBe(1, "what is sent behind the subscription finds it in force");
                await Eventually.HoldsAsync(() => heard.Count == 2, "both messages are heard");
                heard.Order().ShouldBe(["a", "b"]);
            }

            await Eventually.ReadsAsync(() => NotifyAsync(notifier, channel, "c"), count => count == 0, "nobody listens any more");
        }

        listener.Reconnects.ShouldBe(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_subscription_follows_its_slot_and_says_that_messages_may_be_missing(bool isPlain)
    {
        await using RedisConnection listener = await ConnectAsync(isPlain);
        await using RedisConnection notifier = await ConnectAsync(isPlain);
        string tag = $"{{{Guid.NewGuid():N}}}";
        int slot = await Cluster.SlotOfAsync(tag);
        bool isSilent = isPlain || (await Cluster.Servers[0].VersionAsync()).Major < 7;
        var heard = new ConcurrentQueue<string>();
        int restored = 0;
        await using IAsyncDisposable subscription = await listener.SubscribeAsync(
            tag + "wake", message => heard.Enqueue(Encoding.UTF8.GetString(message.Span)), () => Interlocked.Increment(ref restored), CancellationToken.None);
        for (int round = 1; round <= 3; round++)
        {
            RedisServer owner = await Cluster.OwnerOfAsync(slot);
            RedisServer target = Cluster.Servers.First(server => server != owner);
            int before = Volatile.Read(ref restored);
            await Cluster.MoveSlotAsync(slot, target);
            await Eventually.ReadsAsync(
                async () =>
                {
                    // Before Redis 7 no member tells that a slot has moved, except to those who send it something.
                    if (isSilent) await listener.EvaluateAsync(_publish, [tag], ["nobody", ""], CancellationToken.None);
                    return Volatile.Read(ref restored);
                },
                count => count > before,
                "it is made anew at the new owner");
            await Eventually.ReadsAsync(() => NotifyAsync(notifier, tag + "wake", "x", tag), count => count == 1, "it is heard there");
        }

        await Eventually.HoldsAsync(() => !heard.IsEmpty, "messages arrive");
        listener.Reconnects.ShouldBe(0);
    }

    [Fact]
    public async Task Subscriptions_that_come_and_go_while_their_slot_moves_do_no_harm()
    {
        await using RedisConnection connection = await ConnectAsync(isPlain: false);
        string tag = $"{{{Guid.NewGuid():N}}}";
        int slot = await Cluster.SlotOfAsync(tag);
        using var stop = new CancellationTokenSource();
        int count = 0;
        Task[] loads = [.. Enumerable.Range(0, 4).Select(n => Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                string channel = $"{tag}{n}-{i % 7}";
                await using (await connection.SubscribeAsync(channel, _ => { }, () => { }, CancellationToken.None))
                {
                    var script = new RedisScript("echo", "return ARGV[1]");
                    string text = $"{n}-{i}";
                    (await connection.EvaluateAsync(script, [tag], [text], CancellationToken.None)).Text.ShouldBe(text, "each reply finds its command");
                }

                Interlocked.Increment(ref count);
            }
        }))];
        for (int round = 0; round < 6; round++)
        {
            int before = Volatile.Read(ref count);
            RedisServer owner = await Cluster.OwnerOfAsync(slot);
            await Cluster.MoveSlotAsync(slot, Cluster.Servers.First(server => server != owner));
            await Eventually.HoldsAsync(() => Volatile.Read(ref count) > before + 20, "it goes on");
        }

        await stop.CancelAsync();
        await Task.WhenAll(loads);
        connection.Reconnects.ShouldBe(0);
    }

    private Task<RedisConnection> ConnectAsync(bool isPlain) => TestConnection.OpenAsync(Cluster.LenientUri, new RedisOptions { UsesPlainChannels = isPlain });

    private static async Task<long> NotifyAsync(RedisConnection connection, string channel, string message, string? key = null) =>
        (await connection.EvaluateAsync(_publish, [key ?? channel], [channel, message], CancellationToken.None)).Number;
}
