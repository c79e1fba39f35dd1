using System.Net;
using System.Net.Sockets;
using Latchwork.Redis.Multiplexing;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>Finding and following the primary with real Sentinels.</summary>
public sealed class SentinelTests
{
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', 'count')");

    [Fact]
    public async Task The_primary_is_found_and_followed_when_Sentinels_make_another_one()
    {
        await using RedisGroup group = await RedisGroup.StartAsync();
        await using RedisConnection connection = await ConnectAsync($"{group.Uri}?commandTimeout=1m&connectTimeout=1m");
        connection.Description.ShouldBe(group.Uri);
        await CountAsync(connection);
        for (int i = 0; i < 2; i++)
        {
            RedisServer old = (await Eventually.ReadsAsync(group.PrimaryAsync, static server => server is not null, "there is a primary"))!;
            await Eventually.ReadsAsync(
                () => group.Sentinels[0].CommandAsync("SENTINEL", "FAILOVER", RedisGroup.Service), static answer => answer == "OK", "it agrees", TimeSpan.FromMinutes(1));
            RedisServer primary = await group.NewPrimaryAsync(old);
            await Eventually.ReadsAsync(() => ClientsAsync(primary), static clients => clients.Contains("name=latchwork", StringComparison.Ordinal), "it has followed");
            await CountAsync(connection);
        }
    }

    [Fact]
    public async Task One_Sentinel_that_answers_is_enough()
    {
        await using RedisGroup group = await RedisGroup.StartAsync();
        using var mute = new TcpListener(IPAddress.Loopback, 0);
        mute.Start();
        int nobody = RedisServer.FreePort();
        int silent = ((IPEndPoint)mute.LocalEndpoint).Port;
        string sentinels = $"127.0.0.1:{nobody},127.0.0.1:{silent},127.0.0.1:{group.Servers[0].Port},127.0.0.1:{group.Sentinels[2].Port}";
        await using RedisConnection connection = await ConnectAsync($"redis+sentinel://{sentinels}/{RedisGroup.Service}?commandTimeout=1m&connectTimeout=1m");
        await CountAsync(connection);
    }

    [Fact]
    public async Task When_no_Sentinel_knows_each_is_named_with_its_reason()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisServer sentinel = await RedisServer.StartAsync(new() { Sentinel = $"sentinel monitor other 127.0.0.1 {server.Port} 1" });
        await using RedisServer locked = await RedisServer.StartAsync(new() { Sentinel = "requirepass sentinel-secret", Password = "sentinel-secret" });
        int nobody = RedisServer.FreePort();
        string sentinels = $"127.0.0.1:{nobody},127.0.0.1:{server.Port},127.0.0.1:{sentinel.Port},127.0.0.1:{locked.Port}";
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => ConnectAsync($"redis+sentinel://{sentinels}/main?sentinelPassword=wrong-secret"));
        foreach (string part in new[] { "'main'", $"127.0.0.1:{nobody}: ", "refused", "it is no Sentinel", "No such master", "WRONGPASS" })
            error.Message.ShouldContain(part);
        error.ToString().ShouldNotContain("wrong-secret");
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
    }

    [Fact]
    public async Task The_documented_user_at_a_Sentinel_is_enough()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        string configuration = $"""
            sentinel monitor {RedisGroup.Service} 127.0.0.1 {server.Port} 1
            user default on >admin ~* &* +@all
            user name on >SECRET resetchannels &+switch-master -@all +sentinel|master +subscribe +ping
            """;
        await using RedisServer sentinel = await RedisServer.StartAsync(new() { Sentinel = configuration, Password = "admin" });
        await using RedisConnection connection = await ConnectAsync(
            $"redis+sentinel://127.0.0.1:{sentinel.Port}/{RedisGroup.Service}?sentinelUser=name&sentinelPassword=SECRET&commandTimeout=1m&connectTimeout=1m");
        await CountAsync(connection);
        await Eventually.ReadsAsync(
            () => ClientsAsync(sentinel), static clients => clients.Contains("sub=1", StringComparison.Ordinal), "it has subscribed");
    }

    private static Task<RedisConnection> ConnectAsync(string uri) => TestConnection.OpenAsync(uri);

    // What was written when a connection broke is of unknown outcome; everything else is waited for.
    private static Task CountAsync(RedisConnection connection) => Eventually.ReadsAsync(
        async () =>
        {
            try
            {
                return (await connection.EvaluateAsync(_count, [], [], default)).Number;
            }
            catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.Unknown)
            {
                return 0;
            }
        },
        static count => count > 0,
        "it is counted",
        TimeSpan.FromMinutes(1));

    private static Task<string> ClientsAsync(RedisServer server) => server.CommandAsync("CLIENT", "LIST");
}
