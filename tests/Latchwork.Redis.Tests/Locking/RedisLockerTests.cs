using Latchwork.Redis.Tests.Timers;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>What only a real server can show: broken connections, lost records, a restart.</summary>
public sealed class RedisLockerTests : IAsyncLifetime
{
    private RedisServer _server = null!;
    private RedisStore _storeA = null!;
    private RedisStore _storeB = null!;
    private ProcessLocker _a = null!;
    private ProcessLocker _b = null!;

    private static TimeSpan TestTimeout => TimeSpan.FromSeconds(60);

    /// <summary>A machine that stalls loses no key.</summary>
    private static LockerOptions LongLease() => new() { LeaseDuration = TimeSpan.FromMinutes(10) };

    public async Task InitializeAsync()
    {
        _server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        _storeA = await RedisTimerFixture.ConnectAsync(_server);
        _storeB = await RedisTimerFixture.ConnectAsync(_server);
        _a = new ProcessLocker(_storeA, LongLease());
        _b = new ProcessLocker(_storeB, LongLease());
    }

    public async Task DisposeAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
        await _storeA.DisposeAsync();
        await _storeB.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Killing_every_connection_while_waiting_costs_nobody_the_result()
    {
        WorkLease lease = (await _a.RequestAsync("k")).Lease!;
        Task<RequestResult>[] waiting = [.. Enumerable.Range(0, 100).Select(_ => _b.RequestAsync("k"))];
        await Eventually.ReadsAsync(() => _server.InfoAsync("stats", "pubsub_channels"), count => count == 1, "b listens");
        await _server.CommandAsync("CLIENT", "KILL", "TYPE", "normal");
        await _server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
        (await lease.PublishAsync("done", CancellationToken.None).WaitAsync(TestTimeout)).ShouldBe(PublishOutcome.Accepted);
        foreach (RequestResult result in await Task.WhenAll(waiting).WaitAsync(TestTimeout)) result.Result!.Read<string>().ShouldBe("done");
    }

    [Fact]
    public async Task Deleting_the_key_under_its_owner_supersedes_it()
    {
        WorkLease lease = (await _a.RequestAsync("k")).Lease!;
        await _server.CommandAsync("FLUSHALL");
        WorkLease next = (await _b.RequestAsync("k")).Lease!;
        next.FencingToken.ShouldBeGreaterThan(lease.FencingToken);
        (await lease.PublishAsync("stale", CancellationToken.None)).ShouldBe(PublishOutcome.Superseded);
        lease.Lost.IsCancellationRequested.ShouldBeTrue();
        (await next.PublishAsync("good", CancellationToken.None)).ShouldBe(PublishOutcome.Accepted);
        (await _a.TryGetAsync("k"))!.Read<string>().ShouldBe("good");
    }

    [Fact]
    public async Task A_namespace_is_listed_again_after_the_server_came_back_empty()
    {
        var clock = new ManualTimeProvider(); // of the locker's waits; leases are the server's affair
        await using var locker = new ProcessLocker(_storeA, new LockerOptions { Namespace = "emptied", TimeProvider = clock });
        await locker.RunOnceAsync("k", (_, _) => Task.FromResult("before"));
        await _server.CommandAsync("FLUSHALL");
        clock.Advance(TimeSpan.FromSeconds(10));
        await locker.RunOnceAsync("k", (_, _) => Task.FromResult("after"));
        await Eventually.ReadsAsync(
            () => _storeB.Maintenance!.ListAsync(CancellationToken.None), all => all.Any(one => one.Namespace == "emptied"), "whoever moves all finds it");
    }

    [Fact]
    public async Task Scripts_that_the_server_has_lost_are_loaded_again()
    {
        WorkLease lease = (await _a.RequestAsync("k")).Lease!;
        await _server.CommandAsync("SCRIPT", "FLUSH");
        (await lease.PublishAsync("done", CancellationToken.None)).ShouldBe(PublishOutcome.Accepted);
        (await _b.TryGetAsync("k"))!.Read<string>().ShouldBe("done");
    }

    [Fact]
    public async Task A_restart_of_the_server_is_survived()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true, AppendOnly = true });
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(server);
        await using var locker = new ProcessLocker(store, LongLease());
        await using var other = new ProcessLocker(store, LongLease());
        WorkLease lease = (await locker.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = other.RequestAsync("k");
        await Eventually.ReadsAsync(() => other.PeekAsync("k"), s => s?.Waiters == 1, "the other waits");
        await server.RestartAsync();
        (await lease.PublishAsync("done", CancellationToken.None).WaitAsync(TestTimeout)).ShouldBe(PublishOutcome.Accepted);
        (await waiting.WaitAsync(TestTimeout)).Result!.Read<string>().ShouldBe("done");
    }
}
