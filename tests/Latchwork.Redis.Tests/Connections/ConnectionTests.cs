using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>The everyday work of a connection, on a healthy server.</summary>
public sealed class ConnectionTests : IAsyncLifetime
{
    private static readonly RedisScript _echo = new("echo", "return {KEYS[1], ARGV[1]}");
    private RedisServer _server = null!;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Thousands_of_concurrent_scripts_each_get_their_own_reply()
    {
        await using RedisConnection connection = await TestConnection.OpenAsync(_server.LenientUri);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; i < 200; i++)
            {
                RedisReply reply = await connection.EvaluateAsync(_echo, [$"k{caller}"], [(long)i], default);
                reply[0].Text.ShouldBe($"k{caller}");
                reply[1].Number.ShouldBe(i);
            }
        })));
    }

    [Fact]
    public async Task A_script_sent_after_a_subscription_finds_it_in_force()
    {
        await using RedisConnection connection = await TestConnection.OpenAsync(_server.LenientUri);
        var publish = new RedisScript("publish", "return redis.call('PUBLISH', ARGV[1], ARGV[2])");
        for (int i = 0; i < 200; i++)
        {
            var heard = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            string channel = $"channel {i}";
            ValueTask<IAsyncDisposable> subscribing = connection.SubscribeAsync(channel, m => heard.TrySetResult(System.Text.Encoding.UTF8.GetString(m.Span)), () => { }, default);
            RedisReply receivers = await connection.EvaluateAsync(publish, [], [channel, $"hello {i}"], default);
            receivers.Number.ShouldBe(1);
            (await heard.Task).ShouldBe($"hello {i}");
            await using IAsyncDisposable subscription = await subscribing;
        }

        await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "CHANNELS"), static channels => channels.Length == 0, "all subscriptions are ended");
    }

    [Fact]
    public async Task Large_payloads_go_both_ways_among_small_ones()
    {
        await using RedisConnection connection = await TestConnection.OpenAsync(_server.LenientUri);
        await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
        {
            byte[] payload = new byte[i % 3 == 0 ? (1 << 20) + (i * 100_003) : i];
            new Random(i).NextBytes(payload);
            RedisReply reply = await connection.EvaluateAsync(_echo, [$"k{i}"], [payload], default);
            reply[0].Text.ShouldBe($"k{i}");
            reply[1].Bytes.Span.SequenceEqual(payload).ShouldBeTrue();
        }));
    }
}
