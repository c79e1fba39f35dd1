using System.Collections.Concurrent;
using System.Text;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

public sealed class SubscriptionTests : IAsyncLifetime
{
    private static readonly RedisScript _echo = new("echo", "return ARGV[1]");
    private RedisServer _server = null!;
    private RedisConnection _connection = null!;

    public async Task InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        await _server.CommandAsync("ACL", "SETUSER", "half", "on", ">pw", "~*", "resetchannels", "&allowed*", "+@all");
        _connection = await TestConnection.OpenAsync($"redis://half:pw@127.0.0.1:{_server.Port}?commandTimeout=2m&connectTimeout=2m");
    }

    public async Task DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_refused_subscription_fails_and_everything_around_it_finds_its_reply()
    {
        for (int round = 0; round < 50; round++)
        {
            Task<string> before = EchoAsync($"before {round}");
            Task<IAsyncDisposable> allowed = SubscribeAsync($"allowed {round}");
            Task<string> between = EchoAsync($"between {round}");
            Task<IAsyncDisposable> refused = SubscribeAsync($"forbidden {round}");
            Task<IAsyncDisposable> allowedToo = SubscribeAsync($"allowed too {round}");
            Task<string> after = EchoAsync($"after {round}");

            LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => refused);
            error.Message.ShouldContain("NOPERM");
            error.Outcome.ShouldBe(StoreOutcome.NotApplied);
            (await before, await between, await after).ShouldBe(($"before {round}", $"between {round}", $"after {round}"));
            await (await allowed).DisposeAsync();
            await (await allowedToo).DisposeAsync();
        }

        await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "CHANNELS"), static channels => channels.Length == 0, "all subscriptions are ended");
    }

    [Fact]
    public async Task Messages_reach_every_subscriber_of_the_channel_and_one_that_throws_harms_nobody()
    {
        var heard = new ConcurrentQueue<string>();
        IAsyncDisposable first = await _connection.SubscribeAsync("allowed", m => heard.Enqueue("1 " + Encoding.UTF8.GetString(m.Span)), () => { }, default);
        await using IAsyncDisposable second = await _connection.SubscribeAsync("allowed", _ => throw new InvalidOperationException("mine"), () => { }, default);
        await using IAsyncDisposable third = await _connection.SubscribeAsync("allowed", m => heard.Enqueue("3 " + Encoding.UTF8.GetString(m.Span)), () => { }, default);
        await _server.CommandAsync("PUBLISH", "allowed", "a");
        await Eventually.HoldsAsync(() => heard.Count == 2, "both heard it");
        await first.DisposeAsync();
        await _server.CommandAsync("PUBLISH", "allowed", "b");
        await Eventually.HoldsAsync(() => heard.Count == 3, "the other one heard it");
        heard.ShouldBe(["1 a", "3 a", "3 b"]);
        (await EchoAsync("still there")).ShouldBe("still there");
    }

    [Fact]
    public async Task A_subscription_is_restored_after_a_loss_and_its_owner_is_told()
    {
        var heard = new ConcurrentQueue<string>();
        int restored = 0;
        await using IAsyncDisposable subscription = await _connection.SubscribeAsync(
            "allowed", m => heard.Enqueue(Encoding.UTF8.GetString(m.Span)), () => Interlocked.Increment(ref restored), default);
        IAsyncDisposable ended = await _connection.SubscribeAsync("allowed but ended", _ => { }, () => heard.Enqueue("wrong"), default);
        await ended.DisposeAsync();
        for (int round = 1; round <= 3; round++)
        {
            await _server.CommandAsync("CLIENT", "KILL", "USER", "half");
            await Eventually.HoldsAsync(() => _connection.Reconnects >= round, "the connection was made anew");
            await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "CHANNELS"), static channels => channels == "allowed", "it is in force again");
            await Eventually.HoldsAsync(() => Volatile.Read(ref restored) >= round, "the owner was told"); // once or more: it is a hint
            await _server.CommandAsync("PUBLISH", "allowed", $"round {round}");
            await Eventually.HoldsAsync(() => heard.Count == round, "the message came");
        }

        heard.ShouldBe(["round 1", "round 2", "round 3"]);
    }

    [Fact]
    public async Task A_subscription_asked_for_while_disconnected_comes_into_force_later()
    {
        _server.Kill();
        var heard = new TaskCompletionSource<string>();
        Task<IAsyncDisposable> subscribing = _connection.SubscribeAsync("allowed", m => heard.TrySetResult(Encoding.UTF8.GetString(m.Span)), () => { }, default).AsTask();
        await _server.StartAgainAsync();
        await _server.CommandAsync("ACL", "SETUSER", "half", "on", ">pw", "~*", "resetchannels", "&allowed*", "+@all");
        await using IAsyncDisposable subscription = await subscribing;
        await _server.CommandAsync("PUBLISH", "allowed", "hello");
        (await heard.Task).ShouldBe("hello");
    }

    [Fact]
    public async Task A_subscription_that_was_given_up_is_ended_on_the_server()
    {
        for (int i = 0; i < 20; i++)
        {
            using var giveUp = new CancellationTokenSource();
            ValueTask<IAsyncDisposable> subscribing = _connection.SubscribeAsync("allowed", _ => { }, () => { }, giveUp.Token);
            await giveUp.CancelAsync();
            try
            {
                await (await subscribing).DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                // As asked; the server may have answered first.
            }
        }

        (await EchoAsync("done")).ShouldBe("done");
        await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "CHANNELS"), static channels => channels.Length == 0, "all subscriptions are ended");
    }

    private async Task<string> EchoAsync(string text) => (await _connection.EvaluateAsync(_echo, [], [text], default)).Text;

    private Task<IAsyncDisposable> SubscribeAsync(string channel) => _connection.SubscribeAsync(channel, _ => { }, () => { }, default).AsTask();
}
