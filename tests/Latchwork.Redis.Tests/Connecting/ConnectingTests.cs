using System.Net;
using System.Net.Sockets;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;
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
        using var reserved = new ReservedPort();
        int nobody = reserved.Number;
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
        using var reserved = new ReservedPort();
        int nobody = reserved.Number;
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
        var credentials = new Credentials { Current = ("one", "first-secret") };
        await using RedisConnection connection = await ConnectAsync(server, credentials);
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(1);
        (await server.CommandAsync("CLIENT", "LIST")).ShouldContain("user=one");

        await server.CommandAsync("ACL", "SETUSER", "two", "on", ">second-secret", "~*", "&*", "+@all");
        credentials.Current = ("two", "second-secret");
        await server.CommandAsync("ACL", "DELUSER", "one"); // Its connections end.
        await Eventually.ReadsAsync(() => server.CommandAsync("CLIENT", "LIST"), static clients => clients.Contains("user=two", StringComparison.Ordinal), "it is back");
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(2);
    }

    [Fact]
    public async Task Credentials_that_are_refused_are_reported_and_asked_for_again()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Password = "secret" });
        var credentials = new Credentials { Current = (null, "mistaken") };
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => ConnectAsync(server, credentials));
        error.Message.ShouldContain("does not accept this user name and password");
        error.ToString().ShouldNotContain("mistaken");
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);

        credentials.Current = (null, "secret");
        await using RedisConnection connection = await ConnectAsync(server, credentials);
        credentials.Current = (null, "mistaken");
        int asked = credentials.Asked;
        await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await Eventually.HoldsAsync(() => connection.LastError?.Contains("does not accept", StringComparison.Ordinal) == true, "it is refused");
        await Eventually.HoldsAsync(() => credentials.Asked > asked + 3, "it is asked again and again");
        credentials.Current = (null, "secret");
        (await connection.EvaluateAsync(_count, [], [], default)).Number.ShouldBe(1);
    }

    [Fact]
    public async Task A_server_that_is_only_a_replica_is_refused_at_the_start()
    {
        await using RedisServer replica = await RedisServer.StartAsync(new() { Arguments = ["--replicaof", "127.0.0.1", "1"] });
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => ConnectAsync($"redis://127.0.0.1:{replica.Port}"));
        error.Message.ShouldContain("read-only replica");
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
    }

    [Theory]
    [InlineData("127.0.0.1:{0}", "connection refused")]
    [InlineData("redis://127.0.0.1:{0}", "connection refused")]
    [InlineData("unix:///nowhere/the.sock", "within 5 s (the connect timeout): there is no such socket")]
    [InlineData("redis://nowhere.invalid?commandTimeout=2m", "nowhere.invalid")]
    public async Task A_server_that_is_not_there_is_named_with_the_reason_and_no_advice_about_the_client(string address, string reason)
    {
        using var reserved = new ReservedPort();
        string text = string.Format(System.Globalization.CultureInfo.InvariantCulture, address, reserved.Number);
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => ConnectAsync(text));
        error.Message.ShouldContain(reason);
        error.Message.ShouldNotContain("abortConnect");
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
    }

    [Fact]
    public async Task A_store_whose_server_comes_later_works_then()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        server.Kill();
        await using RedisConnection connection = await ConnectAsync($"127.0.0.1:{server.Port},abortConnect=false,connectTimeout=1000,commandTimeout=1s");
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(async () => await connection.EvaluateAsync(_count, [], [], default));
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        await server.StartAgainAsync();
        await Eventually.ReadsAsync(async () => await TryAsync(connection), static result => result == "counted", "it works");
    }

    private static Task<RedisConnection> ConnectAsync(RedisServer server, Credentials credentials)
    {
        var settings = new ConfigurationOptions { Defaults = credentials, EndPoints = { { "127.0.0.1", server.Port } }, ConnectTimeout = 10_000 };
        return RedisConnection.ConnectAsync(settings, new RedisOptions { CommandTimeout = TimeSpan.FromMinutes(1) }, default);
    }

    private static Task<RedisConnection> ConnectAsync(string uri) => TestConnection.OpenAsync(uri);

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

    /// <summary>Says user and password at each connection, as the extensions for cloud services do.</summary>
    private sealed class Credentials : DefaultOptionsProvider
    {
        private volatile int _asked;

        public (string? User, string Password) Current { get; set; }

        public int Asked => _asked;

        public override string? User => Current.User;

        public override string? Password
        {
            get
            {
                Interlocked.Increment(ref _asked);
                return Current.Password;
            }
        }
    }
}
