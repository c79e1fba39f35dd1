using System.Net;
using System.Net.Sockets;
using Latchwork.Redis.Connections;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>Several servers, IPv6, and credentials that change.</summary>
public sealed class ConnectingTests(ITestOutputHelper output)
{
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', 'count')");

    [Fact]
    public async Task Of_several_servers_the_primary_is_used_and_found_again_when_it_is_another()
    {
        await using RedisServer first = await RedisServer.StartAsync();
        await using RedisServer second = await RedisServer.StartAsync(new() { Arguments = ["--replicaof", "127.0.0.1", $"{first.Port}"] });
        await Eventually.ReadsAsync(() => second.CommandAsync("INFO", "replication"), info => info.Contains("link_status:up", StringComparison.Ordinal), "it follows");
        int nobody = RedisServer.FreePort();
        await using RedisConnection connection = await ConnectAsync($"redis://127.0.0.1:{nobody},127.0.0.1:{second.Port},127.0.0.1:{first.Port}?commandTimeout=1m");
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(1);
        (await first.CommandAsync("GET", "count")).ShouldBe("1");
        await Eventually.ReadsAsync(() => second.CommandAsync("GET", "count"), static count => count == "1", "the replica has it");

        // Demoted: it refuses writes, so it is left.
        await second.CommandAsync("REPLICAOF", "NO", "ONE");
        await first.CommandAsync("REPLICAOF", "127.0.0.1", $"{second.Port}");
        await connection.EvaluateAsync(_count, [], [], default);
        (await second.CommandAsync("GET", "count")).ShouldBe("2");

        // Dead: so is the other one.
        await Eventually.ReadsAsync(() => first.CommandAsync("GET", "count"), static count => count == "2", "it has followed");
        second.Kill();
        await first.CommandAsync("REPLICAOF", "NO", "ONE");
        await Eventually.ReadsAsync(async () => await TryAsync(connection), static result => result == "counted", "commands succeed again");
    }

    [Fact]
    public async Task When_none_of_several_servers_can_be_used_each_is_named_with_its_reason()
    {
        await using RedisServer replica = await RedisServer.StartAsync(new() { Arguments = ["--replicaof", "127.0.0.1", "1"] });
        await using RedisServer locked = await RedisServer.StartAsync(new() { Password = "secret" });
        int nobody = RedisServer.FreePort();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => ConnectAsync($"redis://127.0.0.1:{nobody},127.0.0.1:{replica.Port},127.0.0.1:{locked.Port}"));
        foreach (string part in new[] { $"127.0.0.1:{nobody}", "refused", $"127.0.0.1:{replica.Port}", "read-only replica", $"127.0.0.1:{locked.Port}", "needs a password" })
            error.Message.ShouldContain(part);
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
    }

    [Fact]
    public async Task A_server_that_accepts_and_says_nothing_takes_no_time_from_the_others()
    {
        using var mute = new TcpListener(IPAddress.Loopback, 0);
        mute.Start();
        await using RedisServer server = await RedisServer.StartAsync();
        string uri = $"redis://127.0.0.1:{((IPEndPoint)mute.LocalEndpoint).Port},127.0.0.1:{server.Port}?connectTimeout=2s";

        // Each has a second; a machine that stalls may need another try.
        await Eventually.ReadsAsync(
            async () =>
            {
                try
                {
                    await using RedisConnection connection = await ConnectAsync(uri);
                    return "connected";
                }
                catch (LatchworkStoreException e)
                {
                    return e.Message;
                }
            },
            static result => result == "connected",
            "the other one is found",
            TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task IPv6_works()
    {
        if (!HasIPv6())
        {
            output.WriteLine("This machine has no IPv6.");
            return;
        }

        await using RedisServer server = await RedisServer.StartAsync(new() { Arguments = ["--bind", "127.0.0.1", "::1"] });
        await using RedisConnection connection = await ConnectAsync($"redis://[::1]:{server.Port}");
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(1);
        connection.Description.ShouldBe($"redis://[::1]:{server.Port}/0");
    }

    [Fact]
    public async Task Credentials_change_without_a_restart()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Password = "admin" });
        await server.CommandAsync("ACL", "SETUSER", "one", "on", ">first-secret", "~*", "&*", "+@all");
        string user = "one", password = "first-secret";
        int asked = 0;
        var options = new RedisOptions
        {
            Endpoints = { new RedisEndpoint("127.0.0.1", server.Port) },
            CommandTimeout = TimeSpan.FromMinutes(1),
            Credentials = async stop =>
            {
                await Task.Yield();
                Interlocked.Increment(ref asked);
                return new RedisCredentials(user, password);
            },
        };
        await using RedisConnection connection = await RedisConnection.ConnectAsync(options, default);
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(1);
        asked.ShouldBe(1);

        await server.CommandAsync("ACL", "SETUSER", "two", "on", ">second-secret", "~*", "&*", "+@all");
        (user, password) = ("two", "second-secret");
        await server.CommandAsync("ACL", "DELUSER", "one"); // Its connections end.
        await Eventually.ReadsAsync(() => server.CommandAsync("CLIENT", "LIST"), static clients => clients.Contains("user=two", StringComparison.Ordinal), "it is back");
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(2);
    }

    [Fact]
    public async Task A_callback_for_credentials_that_fails_is_reported_and_asked_again()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Password = "secret" });
        Func<ValueTask<RedisCredentials>> answer = () => throw new InvalidOperationException("the vault is sealed");
        var options = new RedisOptions
        {
            Endpoints = { new RedisEndpoint("127.0.0.1", server.Port) },
            ConnectTimeout = TimeSpan.FromSeconds(10),
            CommandTimeout = TimeSpan.FromMinutes(1),
            Credentials = _ => answer(),
        };
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => RedisConnection.ConnectAsync(options, default));
        error.Message.ShouldContain("the vault is sealed");
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));

        answer = () => ValueTask.FromResult(new RedisCredentials(null, "secret"));
        await using RedisConnection connection = await RedisConnection.ConnectAsync(options, default);
        int failures = 0;
        answer = () => Interlocked.Increment(ref failures) switch
        {
            1 => throw new InvalidOperationException("sealed again"),
            2 => ValueTask.FromException<RedisCredentials>(new TimeoutException("no answer")),
            3 => ValueTask.FromResult(new RedisCredentials(null, "wrong")),
            4 => ValueTask.FromResult<RedisCredentials>(null!),
            _ => ValueTask.FromResult(new RedisCredentials(null, "secret")),
        };
        await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await Eventually.HoldsAsync(() => Volatile.Read(ref failures) >= 5, "it is asked until it answers");
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(1);
        new RedisCredentials("me", "secret").ToString().ShouldBe("me");
    }

    private static Task<RedisConnection> ConnectAsync(string uri) => RedisConnection.ConnectAsync(RedisOptions.Parse(uri), default);

    private static async Task<string> TryAsync(RedisConnection connection)
    {
        try
        {
            await connection.EvaluateAsync(_count, [], [], default);
            return "counted";
        }
        catch (LatchworkStoreException e)
        {
            return e.Message;
        }
    }

    private static bool HasIPv6()
    {
        try
        {
            using var probe = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
