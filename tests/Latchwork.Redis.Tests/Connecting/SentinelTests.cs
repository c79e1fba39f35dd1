using System.Net;
using System.Net.Sockets;
using System.Text;
using Latchwork.Redis.Connections;
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
        using var reserved = new ReservedPort();
        int nobody = reserved.Number;
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
        using var reserved = new ReservedPort();
        int nobody = reserved.Number;
        string sentinels = $"127.0.0.1:{nobody},127.0.0.1:{server.Port},127.0.0.1:{sentinel.Port},127.0.0.1:{locked.Port}";
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => ConnectAsync($"redis+sentinel://{sentinels}/main?sentinelPassword=wrong-secret&connectTimeout=20s"));
        foreach (string part in new[] { "'main'", $"127.0.0.1:{nobody}: ", "refused", "it is no Sentinel", "No such master", "the server does not accept this user name and password" })
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
            user name on >SECRET resetchannels &+switch-master -@all +sentinel|master +sentinel|get-master-addr-by-name +subscribe +ping
            """;
        await using RedisServer sentinel = await RedisServer.StartAsync(new() { Sentinel = configuration, Password = "admin" });
        await using RedisConnection connection = await ConnectAsync(
            $"redis+sentinel://127.0.0.1:{sentinel.Port}/{RedisGroup.Service}?sentinelUser=name&sentinelPassword=SECRET&commandTimeout=1m&connectTimeout=1m");
        await CountAsync(connection);
        await Eventually.ReadsAsync(
            () => ClientsAsync(sentinel), static clients => clients.Contains("sub=1", StringComparison.Ordinal), "it has subscribed");
    }

    [Fact]
    public async Task Of_a_Sentinel_that_still_shows_the_old_address_with_the_new_epoch_the_new_primary_is_taken()
    {
        await using RedisGroup group = await RedisGroup.StartAsync(downAfter: TimeSpan.FromMinutes(5));
        (RedisServer old, RedisServer primary) = await FailOverAsync(group);

        // The one that leads a failover does so in MASTER until all replicas have followed.
        await using var leader = new FaultyProxy(group.Sentinels[0].Port);
        leader.Rewrite = bytes => Replace(bytes, $"$4\r\nport\r\n$5\r\n{primary.Port}", $"$4\r\nport\r\n$5\r\n{old.Port}");
        await using RedisConnection connection = await ConnectAsync($"redis+sentinel://127.0.0.1:{leader.Port}/{RedisGroup.Service}?commandTimeout=1m&connectTimeout=20s");
        await CountAsync(connection);
        connection.Primaries.Select(RedisConfiguration.Text).ShouldBe([$"127.0.0.1:{primary.Port}"]);
    }

    [Fact]
    public async Task A_superseded_primary_is_not_returned_to_unless_most_Sentinels_agree()
    {
        await using RedisGroup group = await RedisGroup.StartAsync(downAfter: TimeSpan.FromMinutes(5));
        (RedisServer old, RedisServer primary) = await FailOverAsync(group);
        FaultyProxy[] sentinels = [.. group.Sentinels.Select(sentinel => new FaultyProxy(sentinel.Port))];
        await using var ends = new AsyncEnds(sentinels);
        sentinels[2].Rewrite = BeforeFailover;
        var log = new TestLog();
        await using RedisConnection connection = await TestConnection.OpenAsync(
            $"redis+sentinel://{string.Join(',', sentinels.Select(one => $"127.0.0.1:{one.Port}"))}/{RedisGroup.Service}?commandTimeout=1m&connectTimeout=1m",
            new RedisOptions { LoggerFactory = log });
        await Eventually.HoldsAsync(() => connection.Primaries.Any(one => RedisConfiguration.Text(one) == $"127.0.0.1:{primary.Port}"), "the new primary is used");
        int before = Returns();

        // Those who know better cannot be asked any more.
        sentinels[0].CutOff();
        sentinels[1].CutOff();
        await Eventually.HoldsAsync(() => Unreachable(sentinels[0]) && Unreachable(sentinels[1]), "they are given up", TimeSpan.FromMinutes(2));
        await CountAsync(connection);
        Returns().ShouldBe(before);

        // Sentinels that were set up anew begin to count from 0 again.
        sentinels[0].Rewrite = sentinels[1].Rewrite = BeforeFailover;
        sentinels[0].Resume();
        sentinels[1].Resume();
        await Eventually.HoldsAsync(() => Returns() > before, "they are followed");

        void BeforeFailover(Memory<byte> bytes)
        {
            Replace(bytes, $"$5\r\n{primary.Port}", $"$5\r\n{old.Port}");
            Replace(bytes, "config-epoch\r\n$1\r\n1", "config-epoch\r\n$1\r\n0");
        }

        int Returns() => log.Entries.Count(entry => entry.Contains($"is 127.0.0.1:{old.Port}, its Sentinels say", StringComparison.Ordinal));

        bool Unreachable(FaultyProxy sentinel) => log.Entries.Any(entry => entry.Contains($"Cannot ask the Sentinel 127.0.0.1:{sentinel.Port}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_connect_that_hangs_does_not_hold_up_the_switch()
    {
        await using RedisGroup group = await RedisGroup.StartAsync(downAfter: TimeSpan.FromMinutes(5));
        (RedisServer old, RedisServer primary) = await FailOverAsync(group);
        await using var sentinel = new FaultyProxy(group.Sentinels[0].Port);
        sentinel.Rewrite = bytes =>
        {
            Replace(bytes, $"$5\r\n{primary.Port}", $"$5\r\n{old.Port}");
            Replace(bytes, "config-epoch\r\n$1\r\n1", "config-epoch\r\n$1\r\n0");
        };
        old.Freeze();
        var log = new TestLog();
        Task<RedisConnection> opening = TestConnection.OpenAsync(
            $"redis+sentinel://127.0.0.1:{sentinel.Port}/{RedisGroup.Service}?commandTimeout=1m&connectTimeout=1m", new RedisOptions { LoggerFactory = log });
        await Eventually.HoldsAsync(() => log.Entries.Any(entry => entry.Contains($"is 127.0.0.1:{old.Port}", StringComparison.Ordinal)), "the old one is tried");
        sentinel.Rewrite = null;
        await using RedisConnection connection = await opening;
        await CountAsync(connection);
        old.Resume();
    }

    [Fact]
    public async Task A_store_that_is_closed_while_a_reply_is_outstanding_ends_quietly()
    {
        await using RedisGroup group = await RedisGroup.StartAsync(downAfter: TimeSpan.FromMinutes(5));
        RedisConnection connection = await ConnectAsync($"{group.Uri}?commandTimeout=1m&connectTimeout=1m");
        await CountAsync(connection);
        group.Servers[0].Freeze();
        Task<RedisReply> outstanding = connection.EvaluateAsync(_count, [], [], default).AsTask();
        Task<RedisReply> renewal = connection.RenewAsync(_count, ["count"], [], TimeSpan.FromMinutes(10)).AsTask();
        await connection.DisposeAsync();
        (await Should.ThrowAsync<LatchworkStoreException>(() => outstanding)).Outcome.ShouldBe(StoreOutcome.Unknown);
        (await Should.ThrowAsync<LatchworkStoreException>(() => renewal)).Outcome.ShouldBe(StoreOutcome.Unknown);
        group.Servers[0].Resume();
    }

    [Fact]
    public async Task Nothing_is_left_of_a_Sentinel_that_does_not_answer()
    {
        await using RedisGroup group = await RedisGroup.StartAsync();
        using var mute = new TcpListener(IPAddress.Loopback, 0);
        mute.Start();
        string sentinels = $"127.0.0.1:{((IPEndPoint)mute.LocalEndpoint).Port},127.0.0.1:{group.Sentinels[0].Port}";
        Socket accepted;
        await using (RedisConnection connection = await ConnectAsync($"redis+sentinel://{sentinels}/{RedisGroup.Service}?commandTimeout=1m&connectTimeout=4m"))
        {
            accepted = await mute.AcceptSocketAsync();
            await CountAsync(connection);
        }

        using (accepted)
        {
            byte[] heard = new byte[1024];
            await Eventually.ReadsAsync(
                async () =>
                {
                    try
                    {
                        return await accepted.ReceiveAsync(heard).WaitAsync(TimeSpan.FromSeconds(30));
                    }
                    catch (SocketException)
                    {
                        return 0;
                    }
                },
                static count => count == 0,
                "it is closed");
        }
    }

    private static async Task<(RedisServer Old, RedisServer Primary)> FailOverAsync(RedisGroup group)
    {
        await Eventually.ReadsAsync(
            () => group.Sentinels[0].CommandAsync("SENTINEL", "FAILOVER", RedisGroup.Service), static answer => answer == "OK", "it agrees", TimeSpan.FromMinutes(1));
        RedisServer primary = await group.NewPrimaryAsync(group.Servers[0]);

        // The leader is the last to say so in both commands.
        await Eventually.ReadsAsync(
            async () => (await Task.WhenAll(group.Sentinels.Select(one => one.CommandAsync("SENTINEL", "MASTER", RedisGroup.Service)))).All(text => text.Contains($"\n{primary.Port}\n", StringComparison.Ordinal)),
            static all => all,
            "all have ended the failover",
            TimeSpan.FromMinutes(4));
        (await group.FailoversAsync()).ShouldBe(1);
        return (group.Servers[0], primary);
    }

    private static void Replace(Memory<byte> bytes, string what, string by)
    {
        by.Length.ShouldBe(what.Length);
        Span<byte> rest = bytes.Span;
        byte[] pattern = Encoding.ASCII.GetBytes(what);
        for (int at = rest.IndexOf(pattern); at >= 0; at = rest.IndexOf(pattern))
        {
            Encoding.ASCII.GetBytes(by).CopyTo(rest[at..]);
            rest = rest[(at + pattern.Length)..];
        }
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

    private sealed class AsyncEnds(IEnumerable<IAsyncDisposable> all) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            foreach (IAsyncDisposable one in all) await one.DisposeAsync();
        }
    }
}
