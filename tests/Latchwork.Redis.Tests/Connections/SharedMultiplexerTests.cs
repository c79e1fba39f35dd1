using System.Diagnostics;
using System.Text;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>A store on the application's own connection: it uses it as it is, and leaves it as it was.</summary>
public sealed class SharedMultiplexerTests : IAsyncLifetime
{
    private RedisServer _server = null!;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync(new() { AppendOnly = true });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData(",protocol=resp2")]
    [InlineData(",protocol=resp3")]
    [InlineData(",defaultDatabase=3,user=default,allowAdmin=true,abortConnect=false")]
    public async Task A_round_of_timers_and_locks_works_and_the_connection_stays_the_applications(string more)
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync(more);
        string before = multiplexer.Configuration;
        for (int round = 0; round < 2; round++)
        {
            await using (RedisStore store = RedisStore.Create(multiplexer, new RedisOptions { KeyPrefix = $"{round}:" }))
            {
                await WorksAsync(store);
                (await store.CheckAsync()).ShouldBeEmpty();
                store.Description.ShouldBe($"redis://127.0.0.1:{_server.Port}/{(more.Contains("=3", StringComparison.Ordinal) ? 3 : 0)}");
            }

            multiplexer.IsConnected.ShouldBeTrue();
            (await multiplexer.GetDatabase().StringIncrementAsync("mine")).ShouldBe(round + 1);
            multiplexer.Configuration.ShouldBe(before);
            await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "CHANNELS", $"{round}:*"), static channels => channels.Length == 0, "all subscriptions are ended");
        }

        multiplexer.GetStatus().ShouldNotBeEmpty("it is not disposed");
    }

    [Fact]
    public async Task One_line_in_the_log_says_what_is_weaker()
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync();
        using var log = new TestLog();
        await using RedisStore store = RedisStore.Create(multiplexer, new RedisOptions { LoggerFactory = log });
        log.Entries.Where(static entry => entry.StartsWith("Information 2013:", StringComparison.Ordinal)).ShouldHaveSingleItem()
            .ShouldContain("failover behind Sentinels, a blocked thread pool, and the order of subscriptions");
    }

    [Fact]
    public async Task The_applications_subscriptions_and_commands_go_on_beside_the_store()
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync();
        var heard = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await multiplexer.GetSubscriber().SubscribeAsync(RedisChannel.Literal("mine"), (_, message) => heard.TrySetResult(message!));
        await using (RedisStore store = RedisStore.Create(multiplexer))
        {
            await WorksAsync(store);
        }

        await multiplexer.GetSubscriber().PublishAsync(RedisChannel.Literal("mine"), "hello");
        (await heard.Task.WaitAsync(TimeSpan.FromMinutes(1))).ShouldBe("hello");
    }

    [Fact]
    public async Task The_store_is_closed_while_the_connection_goes_on()
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync();
        RedisStore store = RedisStore.Create(multiplexer);
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1));
        await store.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => store.Timers.OpenAsync("dt", default));
        await store.DisposeAsync();
        (await multiplexer.GetDatabase().PingAsync()).ShouldBeGreaterThan(TimeSpan.Zero);
    }

    /// <summary>With RESP2 subscriptions have a connection of their own, so that they and the requests are in no order.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(",protocol=resp2")]
    public async Task Who_waits_for_a_lock_is_woken_by_the_notification_and_not_by_looking_again(string more)
    {
        var options = new LockerOptions { FallbackPollInterval = TimeSpan.FromMinutes(2), LeaseDuration = TimeSpan.FromMinutes(10) };
        await using ConnectionMultiplexer multiplexer = await ConnectAsync(more);
        await using ConnectionMultiplexer otherMultiplexer = await ConnectAsync(more);
        await using RedisStore store = RedisStore.Create(multiplexer);
        await using RedisStore otherStore = RedisStore.Create(otherMultiplexer);
        await using var locker = new ProcessLocker(store, options);
        await using var other = new ProcessLocker(otherStore, options);
        for (int i = 0; i < 40; i++)
        {
            WorkLease lease = await locker.AcquireAsync($"key {i}");
            Task<WorkLease> waiting = other.AcquireAsync($"key {i}");

            // With and without time to begin to wait: a release must not fall between the request and the subscription.
            if (i % 2 == 0) await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "NUMSUB", $"lw:{{l:locker:key {i}}}:wake"), static text => text[^1] is '1' or '2', "it waits");
            long start = Stopwatch.GetTimestamp();
            await lease.DisposeAsync();
            await using WorkLease next = await waiting.WaitAsync(TimeSpan.FromMinutes(1));
            Stopwatch.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(30));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(",protocol=resp2")]
    public async Task Who_waits_for_a_lock_is_woken_after_the_connection_was_lost(string more)
    {
        var options = new LockerOptions { FallbackPollInterval = TimeSpan.FromMinutes(10), LeaseDuration = TimeSpan.FromHours(1) };
        await using ConnectionMultiplexer multiplexer = await ConnectAsync(more);
        await using RedisStore store = RedisStore.Create(multiplexer, new RedisOptions { CommandTimeout = TimeSpan.FromMinutes(1) });
        await using RedisStore holders = await RedisStore.ConnectAsync(_server.LenientUri);
        await using var locker = new ProcessLocker(holders, options);
        await using var other = new ProcessLocker(store, options);
        WorkLease lease = await locker.AcquireAsync("key");
        Task<WorkLease> waiting = other.AcquireAsync("key");
        await Eventually.ReadsAsync(() => _server.CommandAsync("PUBSUB", "NUMSUB", "lw:{l:locker:key}:wake"), static text => text[^1] is '1' or '2', "it waits");
        _server.Kill();
        await _server.StartAgainAsync();
        await lease.DisposeAsync(); // the message may be lost: nobody may have subscribed again yet
        await using WorkLease next = await waiting.WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Theory]
    [InlineData("")]
    [InlineData(",protocol=resp2")]
    public async Task A_backlog_is_accepted_and_what_finds_no_connection_does_not_wait_in_it(string more)
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync(more);
        await using RedisStore store = RedisStore.Create(multiplexer, new RedisOptions { CommandTimeout = TimeSpan.FromSeconds(2) });
        await WorksAsync(store);
        _server.Kill();
        LatchworkStoreException error = await Eventually.ReadsAsync(() => FailsAsync(store), static e => e.Outcome == StoreOutcome.NotApplied, "the loss is noticed");
        error.IsTransient.ShouldBeTrue();
        await _server.StartAgainAsync();
        await Eventually.ReadsAsync(() => TryAsync(store), static answer => answer == "worked", "it works again");
        (await _server.CommandAsync("SISMEMBER", "lw:timers", "fails")).ShouldBe("0", "what was said to have failed was not done later");
    }

    [Fact]
    public async Task A_connection_with_a_channel_prefix_is_refused_by_name()
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync(",channelPrefix=app:");
        Should.Throw<ArgumentException>(() => RedisStore.Create(multiplexer)).Message.ShouldContain("channel prefix");
        ConfigurationOptions settings = ConfigurationOptions.Parse($"127.0.0.1:{_server.Port}");
        settings.ChannelPrefix = RedisChannel.Literal("app:");
        await using ConnectionMultiplexer other = await ConnectionMultiplexer.ConnectAsync(settings);
        Should.Throw<ArgumentException>(() => RedisStore.Create(other)).Message.ShouldContain("channel prefix");
    }

    [Fact]
    public async Task A_name_that_only_looks_like_a_channel_prefix_is_none()
    {
        ConfigurationOptions settings = ConfigurationOptions.Parse($"127.0.0.1:{_server.Port}");
        settings.Password = "x channelPrefix=";
        settings.ClientName = "channelPrefix=y";
        await using ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync(settings);
        await using RedisStore store = RedisStore.Create(multiplexer);
        await WorksAsync(store);
    }

    [Fact]
    public async Task Waiting_for_replicas_is_refused_by_name()
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync();
        Should.Throw<ArgumentException>(() => RedisStore.Create(multiplexer, new RedisOptions { Replication = new RedisReplication() })).Message.ShouldContain("replicas");
        Should.Throw<ArgumentException>(() => RedisStore.Create(multiplexer, new RedisOptions { Partitions = 0 })).Message.ShouldContain("'Partitions' must be between 1 and 1024; it is 0");
        Should.Throw<ArgumentNullException>(() => RedisStore.Create(null!));
    }

    [Fact]
    public async Task Before_the_server_is_there_everything_fails_in_words_and_then_it_works()
    {
        _server.Kill();
        await using ConnectionMultiplexer multiplexer = await ConnectAsync(",abortConnect=false,connectTimeout=1000");
        await using RedisStore store = RedisStore.Create(multiplexer, new RedisOptions { CommandTimeout = TimeSpan.FromSeconds(1) });
        LatchworkStoreException error = await FailsAsync(store);
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        error.Message.ShouldContain("reached yet");
        error.Message.ShouldContain($"127.0.0.1:{_server.Port}");
        await using var locker = new ProcessLocker(store);
        LatchworkStoreException locked = await Should.ThrowAsync<LatchworkStoreException>(() => locker.AcquireAsync("key"));
        locked.Outcome.ShouldBe(StoreOutcome.NotApplied);
        (await Should.ThrowAsync<LatchworkStoreException>(() => store.CheckAsync())).Outcome.ShouldBe(StoreOutcome.NotApplied);

        await _server.StartAgainAsync();
        await Eventually.ReadsAsync(() => TryAsync(store), static answer => answer == "worked", "it works");
    }

    private static async Task WorksAsync(RedisStore store)
    {
        var handled = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var timer = new DistributedTimer(store, new() { Namespace = $"round-{Guid.NewGuid():N}" });
        await timer.JoinAsync((delivery, _) =>
        {
            handled.TrySetResult(Encoding.UTF8.GetString(delivery.Payload.Span));
            return Task.CompletedTask;
        });
        await timer.PostAsync("hello"u8.ToArray(), TimeSpan.Zero);
        (await handled.Task.WaitAsync(TimeSpan.FromMinutes(1))).ShouldBe("hello");

        await using var locker = new ProcessLocker(store);
        await using var other = new ProcessLocker(store);
        string key = $"key-{Guid.NewGuid():N}";
        string[] results = await Task.WhenAll(locker.RunOnceAsync(key, (_, _) => Task.FromResult("done")), other.RunOnceAsync(key, (_, _) => Task.FromResult("done")));
        results.ShouldBe(["done", "done"]);
    }

    // Subscriptions too: with RESP2 their connection may come later than the other one.
    private static async Task<string> TryAsync(RedisStore store)
    {
        try
        {
            await WorksAsync(store);
            return "worked";
        }
        catch (LatchworkStoreException e)
        {
            return e.Message;
        }
    }

    private static Task<LatchworkStoreException> FailsAsync(RedisStore store) => Should.ThrowAsync<LatchworkStoreException>(() => store.Timers.OpenAsync("fails", default));

    private Task<ConnectionMultiplexer> ConnectAsync(string more = "") => ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{_server.Port}{more}");
}
