using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>Runs alone, because it takes all threads of the pool away; <c>run-tests</c> gives it and other classes that take long alone a process of their own.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class BlockedPoolAlone
{
    public const string Name = "blocked thread pool";
}

/// <summary>What works, and what is noticed, while the thread pool has no free thread.</summary>
[Collection(BlockedPoolAlone.Name)]
[Trait("Process", "own")]
public sealed class BlockedPoolTests
{
    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Over_a_connection_of_its_own_no_lease_is_lost_in_three_leases(bool tls)
    {
        using var certificates = new TestCertificates();
        await using IAsyncDisposable server = tls ? await TlsServer.StartAsync(certificates) : await RedisServer.StartAsync();
        string uri = server is TlsServer secure ? $"rediss://127.0.0.1:{secure.Port}?ca={certificates.AuthorityFile}" : ((RedisServer)server).Uri;
        await using RedisStore store = await RedisStore.ConnectAsync(uri);
        await using var locker = new ProcessLocker(store, new() { LeaseDuration = _lease });
        await using var timer = new DistributedTimer(store, new() { Namespace = "kept", LeaseDuration = _lease });
        WorkLease[] held = [.. await Task.WhenAll(Enumerable.Range(0, 20).Select(i => locker.AcquireAsync($"key {i}")))];
        var started = new TaskCompletionSource<TimerDelivery>(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool lost = false;
        await timer.JoinAsync(async (delivery, cancellationToken) =>
        {
            using CancellationTokenRegistration registration = cancellationToken.Register(() => lost = true);
            started.TrySetResult(delivery);
            await end.Task;
        });
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero);
        await started.Task;

        await BlockAsync(() => Thread.Sleep(3 * _lease));

        held.ShouldAllBe(lease => !lease.Lost.IsCancellationRequested);
        lost.ShouldBeFalse();
        foreach (WorkLease lease in held)
            await lease.DisposeAsync();
        end.SetResult();
        await Eventually.ReadsAsync(async () => (await timer.GetStatsAsync()).InFlight, static count => count == 0, "it is confirmed");
    }

    [Fact]
    public async Task Over_the_applications_connection_a_starved_pool_is_noticed_and_said_once()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port}");
        var log = new TestLog();
        await using RedisStore store = RedisStore.Create(multiplexer, new RedisOptions { LoggerFactory = log });
        (await store.CheckAsync()).ShouldNotContain(warning => warning.Code == "pool-starved");

        await BlockAsync(() => Thread.Sleep(TimeSpan.FromSeconds(4)));

        await Eventually.ReadsAsync(() => store.CheckAsync(), static warnings => warnings.Any(warning => warning.Code == "pool-starved"), "it is said");
        await Eventually.HoldsAsync(() => log.Entries.Any(entry => entry.Contains("thread pool had no free thread", StringComparison.Ordinal)), "it is logged");
        log.Entries.Count(entry => entry.Contains("thread pool had no free thread", StringComparison.Ordinal)).ShouldBe(1);
    }

    // On a thread of its own, because the test's own continuations need the pool.
    private static Task BlockAsync(Action action) => Task.Factory.StartNew(
        () =>
        {
            using var blockade = new BlockedPool();
            action();
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
}
