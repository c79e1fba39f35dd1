using System.Net;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Maintenance;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>What the store warns of, at the start and when asked.</summary>
public sealed class CheckTests
{
    [Fact]
    public async Task A_server_that_is_set_up_well_gets_no_warnings_and_another_gets_each_once_in_the_log()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { AppendOnly = true });
        using var log = new LogTimes();
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri, new RedisOptions { LoggerFactory = log.Factory() });
        (await store.CheckAsync()).ShouldBeEmpty();

        await server.CommandAsync("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
        await server.CommandAsync("CONFIG", "SET", "appendonly", "no");
        IReadOnlyList<StoreWarning> warnings = await store.CheckAsync();
        warnings.Select(warning => warning.Code).ShouldBe(["may-evict", "no-persistence"]);
        warnings[0].Message.ShouldContain("allkeys-lru");
        (await store.CheckAsync()).Count.ShouldBe(2);
        log.Lines.Count(line => line.Text.Contains("maxmemory-policy", StringComparison.Ordinal)).ShouldBe(1);

        using var other = new LogTimes();
        await using RedisStore second = await RedisStore.ConnectAsync(server.LenientUri, new RedisOptions { LoggerFactory = other.Factory() });
        other.Lines.Count(line => line.Text.Contains("maxmemory-policy", StringComparison.Ordinal)).ShouldBe(1, "at the start");
    }

    [Fact]
    public async Task Who_connects_or_asks_goes_on_on_the_pool_and_not_on_the_connections_thread()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await Task.Run(async () =>
        {
            await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri).ConfigureAwait(false);
            Thread.CurrentThread.IsThreadPoolThread.ShouldBeTrue();
            await store.CheckAsync().ConfigureAwait(false);
            Thread.CurrentThread.IsThreadPoolThread.ShouldBeTrue();
        });
    }

    [Fact]
    public async Task A_primary_that_became_a_replica_is_noticed()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { AppendOnly = true });
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri);
        await server.CommandAsync("REPLICAOF", "127.0.0.1", "1");
        (await store.CheckAsync()).ShouldHaveSingleItem().Code.ShouldBe("replica");
    }

    [Fact]
    public async Task After_a_reconnect_the_server_is_looked_at_again()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { AppendOnly = true });
        using var log = new LogTimes();
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri, new RedisOptions { LoggerFactory = log.Factory() });
        await server.CommandAsync("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
        await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await Eventually.HoldsAsync(
            () => log.Lines.Any(line => line.Text.Contains("allkeys-lru", StringComparison.Ordinal)), "it is logged", TimeSpan.FromMinutes(1));
    }

    [Theory]
    [InlineData("CONFIG")]
    [InlineData("INFO")]
    [InlineData("COMMAND")]
    public async Task A_server_that_forbids_to_ask_works_with_fewer_warnings(string forbidden)
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Arguments = ["--rename-command", forbidden, ""] });
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri);
        (await store.CheckAsync()).Select(warning => warning.Code).ShouldBe(forbidden == "COMMAND" ? ["no-persistence"] : []);
        await WorksAsync(store);
    }

    [Fact]
    public async Task A_user_who_may_not_ask_works_with_fewer_warnings()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Password = "admin" });
        await server.CommandAsync("ACL", "SETUSER", "app", "on", ">pw", "~lw:*", "&lw:*", "+@all", "-info", "-config", "-command");
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://app:pw@127.0.0.1:{server.Port}?commandTimeout=1m&connectTimeout=1m");
        (await store.CheckAsync()).ShouldBeEmpty();
        await WorksAsync(store);
    }

    [Fact]
    public async Task Commands_that_are_disabled_are_named()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Arguments = ["--rename-command", "HSCAN", "", "--rename-command", "PTTL", "other"] });
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri);
        (await store.CheckAsync()).First(warning => warning.Code == "commands-missing").Message.ShouldContain("HSCAN, PTTL");
    }

    [Fact]
    public async Task A_server_without_scripts_is_refused_at_the_start()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Arguments = ["--rename-command", "EVALSHA", ""] });
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => RedisStore.ConnectAsync(server.LenientUri));
        error.Message.ShouldContain("scripts are disabled, or the command was renamed");
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, false));
    }

    [Fact]
    public void Old_and_failing_servers_are_named()
    {
        static string[] Codes(params string[] fields) => [.. new ServerReport(
            1, fields.Select(field => field.Split(':')).ToDictionary(pair => pair[0], pair => pair[1]), null, null).Warnings(clock: null).Select(w => w.Code)];
        Codes("redis_version:6.2.14").ShouldBe(["old-version"]);
        Codes("redis_version:7.2.4", "server_name:valkey").ShouldBeEmpty();
        Codes("redis_version:7.4.0", "rdb_last_bgsave_status:err").ShouldBe(["persistence-fails"]);
        Codes("aof_enabled:0").ShouldBeEmpty("whether it takes snapshots is not known");
        Codes("role:slave", "maxmemory_policy:volatile-ttl").ShouldBe(["replica", "may-evict"]);
    }

    [Fact]
    public async Task A_clock_that_goes_back_is_noticed_until_it_has_caught_up()
    {
        var server = new Told();
        var check = new ServerCheck(server, Told.Server, NullLogger.Instance);
        (await check.RunAsync(default)).ShouldBeEmpty();
        server.TimeUs -= 3_600_000_000;
        StoreWarning warning = (await check.RunAsync(default)).ShouldHaveSingleItem();
        warning.Code.ShouldBe("clock-back");
        (await check.RunAsync(default)).ShouldHaveSingleItem();
        server.TimeUs += 2 * 3_600_000_000L;
        (await check.RunAsync(default)).ShouldBeEmpty();
    }

    private static async Task WorksAsync(RedisStore store)
    {
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        (await timer.CancelAsync("a")).ShouldBe(TimerOutcome.Done);
        await using var locker = new ProcessLocker(store);
        (await locker.RunOnceAsync("key", (_, _) => Task.FromResult("done"))).ShouldBe("done");
    }

    /// <summary>A connection to a server that tells its time and nothing else.</summary>
    private sealed class Told : IRedisConnection
    {
        public long TimeUs { get; set; } = 1_700_000_000_000_000;

        public static EndPoint Server { get; } = new DnsEndPoint("told", 6379);

        public string Description => "redis://told";

        public long Reconnects => 0;

        public string? Outage => null;

        public int Database => 0;

        public bool IsCluster => false;

        public bool OrdersSubscriptions => true;

        public IReadOnlyList<EndPoint> Primaries => [Server];

        public ValueTask<RedisReply> EvaluateAtAsync(EndPoint server, RedisScript script, RedisValue[] arguments, CancellationToken cancellationToken)
        {
            RedisResult[] parts = [RedisResult.Create((RedisValue)$"{TimeUs}"), RedisResult.Create(Array.Empty<RedisResult>()), RedisResult.Create(Array.Empty<RedisResult>())];
            return ValueTask.FromResult(new RedisReply(RedisResult.Create(parts)));
        }

        public ValueTask<RedisReply> ExecuteAtAsync(EndPoint server, string command, object[] arguments, CancellationToken cancellationToken) =>
            ValueTask.FromResult(new RedisReply(RedisResult.Create(Array.Empty<RedisResult>())));

        public ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<RedisReply> RenewAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan lease) => throw new NotSupportedException();

        public ValueTask<IAsyncDisposable> SubscribeAsync(
            string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
