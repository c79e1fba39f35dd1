using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>Writes that wait for replicas.</summary>
public sealed class ReplicationTests : IAsyncLifetime
{
    private static readonly byte[] _payload = "payload"u8.ToArray();
    private RedisServer _primary = null!;
    private RedisServer _replica = null!;

    public async Task InitializeAsync()
    {
        _primary = await RedisServer.StartAsync(new() { Arguments = ["--repl-diskless-sync-delay", "0"] });
        _replica = await RedisServer.StartAsync(new() { Arguments = ["--replicaof", "127.0.0.1", $"{_primary.Port}"] });
        await Eventually.ReadsAsync(
            () => _primary.CommandAsync("INFO", "replication"), static info => info.Contains("state=online", StringComparison.Ordinal), "the replica follows", TimeSpan.FromMinutes(1));
    }

    public async Task DisposeAsync()
    {
        await _replica.DisposeAsync();
        await _primary.DisposeAsync();
    }

    [Fact]
    public async Task An_acknowledged_post_is_on_the_replica()
    {
        await using RedisStore store = await ConnectAsync("waitReplicas=1&waitTimeout=1m&commandTimeout=2m");
        await using var timer = new DistributedTimer(store);
        for (int i = 0; i < 20; i++)
        {
            await timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = $"{i}" });
            (await _replica.CommandAsync("HEXISTS", "lw:{t:dt:0}:body", $"{i}")).ShouldBe("1");
        }

        await _primary.CommandAsync("SCRIPT", "FLUSH");
        await timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "after" });
        (await _replica.CommandAsync("HEXISTS", "lw:{t:dt:0}:body", "after")).ShouldBe("1");
    }

    [Fact]
    public async Task A_write_that_waits_holds_up_nothing_else()
    {
        await using RedisStore store = await ConnectAsync("waitReplicas=1&waitTimeout=5m&commandTimeout=10m");
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "first" });
        _replica.Freeze();
        Task<PostResult> post = timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "second" });
        await Eventually.ReadsAsync(async () => await timer.PeekAsync("second"), static seen => seen is not null, "it is there", TimeSpan.FromMinutes(1));
        (await timer.CancelAsync("first")).ShouldBe(TimerOutcome.Done);
        post.IsCompleted.ShouldBeFalse("the replica has not confirmed it");
        _replica.Resume();
        (await post.WaitAsync(TimeSpan.FromMinutes(1))).Outcome.ShouldBe(PostOutcome.Created);
    }

    [Fact]
    public async Task Too_few_replicas_are_an_outcome_of_their_own()
    {
        await using RedisStore store = await ConnectAsync("waitReplicas=2&waitTimeout=50ms&commandTimeout=1m");
        await using var timer = new DistributedTimer(store);
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "a" }));
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotReplicated, false));
        error.Message.ShouldContain("of 2 replicas");
        (await timer.PeekAsync("a")).ShouldNotBeNull();

        // Nothing is written, so nothing can be lost.
        (await timer.PostAsync(_payload, TimeSpan.Zero, new() { Id = "a", IfExists = IfExists.Keep })).Outcome.ShouldBe(PostOutcome.Kept);
    }

    [Fact]
    public async Task A_result_without_enough_replicas_is_published_all_the_same()
    {
        await using RedisStore store = await ConnectAsync("waitReplicas=2&waitTimeout=50ms&commandTimeout=1m&waitWrites=publishes");
        await using var locker = new ProcessLocker(store);
        await using var other = new ProcessLocker(store);
        await using WorkLease lease = await locker.AcquireAsync("key");
        Task<RequestResult> waiting = other.RequestAsync("key");
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => lease.PublishAsync(_payload));
        error.Outcome.ShouldBe(StoreOutcome.NotReplicated);
        RequestResult result = await waiting.WaitAsync(TimeSpan.FromMinutes(1));
        if (result.IsLocked) await result.Lease.DisposeAsync(); // It had not asked yet, and a lock taken by AcquireAsync leaves no result.
        (await other.RunOnceAsync("once", (_, _) => Task.FromResult("done"))).ShouldBe("done");

        await using var timer = new DistributedTimer(store);
        (await timer.PostAsync(_payload, TimeSpan.FromHours(1))).Outcome.ShouldBe(PostOutcome.Created, "posts do not wait here");
        (await store.Locks.PublishAsync(new LockerKey("locker", "nobody's"), new LockerPublication(1, null, LockerOutcomeKind.Null, default, default, default), default))
            .ShouldBe(PublishOutcome.Superseded, "a write that did nothing needs no replicas");
    }

    [Fact]
    public async Task A_connection_that_breaks_while_it_waits_has_written()
    {
        await using RedisStore store = await ConnectAsync("waitReplicas=1&waitTimeout=5m&commandTimeout=10m");
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "first" });
        _replica.Freeze();
        Task<PostResult> post = timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "second" });
        await Eventually.ReadsAsync(() => _primary.CommandAsync("CLIENT", "LIST"), static clients => clients.Contains("cmd=wait", StringComparison.Ordinal), "it waits");
        await Eventually.ReadsAsync(async () => await timer.PeekAsync("second"), static seen => seen is not null, "it is there", TimeSpan.FromMinutes(1));
        await _primary.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => post.WaitAsync(TimeSpan.FromMinutes(1)));

        // The reply of the script may have been read, or may have been lost with the connection.
        error.Outcome.ShouldBeOneOf(StoreOutcome.NotReplicated, StoreOutcome.Unknown);
        _replica.Resume();
        (await timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "third" })).Outcome.ShouldBe(PostOutcome.Created);
    }

    [Fact]
    public async Task Without_its_connection_the_wait_says_nothing_so_the_outcome_is_unknown()
    {
        // The replies go through a proxy. It holds back the one of WAIT's connection, which is then lost; the client connects again by itself.
        await using var proxy = new FaultyProxy(_primary.Port);
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://127.0.0.1:{proxy.Port}?connectTimeout=1m&waitReplicas=1&waitTimeout=1m&commandTimeout=2m");
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = "first" });
        for (int round = 0; round < 5; round++)
        {
            // Nothing is confirmed while the replica is frozen, so each WAIT is under way when its connection ends.
            _replica.Freeze();
            Task<PostResult>[] posts = [.. Enumerable.Range(0, 5).Select(i => timer.PostAsync(_payload, TimeSpan.FromHours(1), new() { Id = $"{round} {i}" }))];
            await Eventually.ReadsAsync(() => _primary.CommandAsync("CLIENT", "LIST"), static clients => clients.Contains("cmd=wait", StringComparison.Ordinal), "it waits");
            proxy.Drop();
            _replica.Resume();
            foreach (Task<PostResult> post in posts)
            {
                try
                {
                    (await post.WaitAsync(TimeSpan.FromMinutes(1))).Outcome.ShouldBe(PostOutcome.Created); // sent afterwards, and waited for
                }
                catch (LatchworkStoreException e)
                {
                    (e.Outcome, e.IsTransient).ShouldBe((StoreOutcome.Unknown, true));
                }
            }

            posts.ShouldContain(post => post.IsFaulted);
            (await timer.PostAsync(_payload, TimeSpan.FromHours(1))).Outcome.ShouldBe(PostOutcome.Created);
        }
    }

    private Task<RedisStore> ConnectAsync(string query) => RedisStore.ConnectAsync($"redis://127.0.0.1:{_primary.Port}?connectTimeout=1m&{query}");
}
