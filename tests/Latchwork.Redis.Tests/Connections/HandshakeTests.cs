using Latchwork.Redis.Connections;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>Connecting: to servers of all kinds, and to what is no server.</summary>
public sealed class HandshakeTests
{
    [Fact]
    public async Task User_password_database_and_name_arrive_over_a_unix_socket()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { UnixSocket = true, Password = "default secret" });
        await server.CommandAsync("ACL", "SETUSER", "mé/r", "on", ">p@ss:w/rd %", "~*", "&*", "+@all");
        await server.CommandAsync("-n", "3", "SET", "here", "database 3");

        string uri = $"unix://{Uri.EscapeDataString("mé/r")}:{Uri.EscapeDataString("p@ss:w/rd %")}@{server.UnixSocketPath}?db=3&name=my-app";
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(uri), default);
        connection.Description.ShouldBe($"unix://{server.UnixSocketPath}?db=3");
        (await connection.EvaluateAsync(new RedisScript("get", "return redis.call('GET', 'here')"), [], [], default)).Text.ShouldBe("database 3");
        string clients = await server.CommandAsync("CLIENT", "LIST");
        clients.ShouldContain("name=my-app");
        clients.ShouldContain("user=mé/r");
    }

    [Fact]
    public async Task A_password_that_is_missing_or_wrong_is_explained_and_never_printed()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Password = "right-secret" });
        LatchworkStoreException missing = await FailsAsync($"redis://127.0.0.1:{server.Port}");
        missing.Message.ShouldContain("needs a password");
        LatchworkStoreException wrong = await FailsAsync($"redis://bob:wrong-secret@127.0.0.1:{server.Port}");
        wrong.Message.ShouldContain("'bob'");
        wrong.ToString().ShouldNotContain("wrong-secret");
        wrong.IsTransient.ShouldBeFalse();
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.Uri), default);
        connection.Description.ShouldNotContain("right-secret");
    }

    [Fact]
    public async Task A_replica_is_refused()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await server.CommandAsync("REPLICAOF", "127.0.0.1", "1");
        LatchworkStoreException error = await FailsAsync(server.Uri);
        error.Message.ShouldContain("read-only replica");
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_refused()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        (await FailsAsync($"{server.Uri}/77")).Message.ShouldContain("database 77");
    }

    [Fact]
    public async Task A_user_who_may_do_little_is_welcome()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await server.CommandAsync("ACL", "SETUSER", "little", "on", ">pw", "~*", "resetchannels", "-@all", "+evalsha", "+eval", "+hello");
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse($"redis://little:pw@127.0.0.1:{server.Port}"), default);
        (await connection.EvaluateAsync(new RedisScript("one", "return 1"), [], [], default)).Number.ShouldBe(1);
    }

    [Fact]
    public async Task Nobody_there_fails_at_once_and_says_so()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        string uri = server.Uri;
        server.Kill();
        LatchworkStoreException error = await FailsAsync(uri);
        error.Message.ShouldContain(uri);
        error.IsTransient.ShouldBeTrue();
        (await FailsAsync("unix:///nowhere/redis.sock")).Message.ShouldContain("/nowhere/redis.sock");
        (await FailsAsync("redis://no-such-host.invalid?connectTimeout=1s")).Message.ShouldContain("no-such-host.invalid");
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak the Redis protocol")]
    [InlineData("\u0015\u0003\u0003", "without TLS")]
    [InlineData("220 mail ESMTP\r\n", "does not speak the Redis protocol")]
    [InlineData("+OK\r\n+OK\r\n+OK\r\n", "not as a Redis server does")]
    [InlineData("-ERR max number of clients reached\r\n", "max number of clients")]
    [InlineData("-DENIED Redis is running in protected mode\r\n", "protected mode")]
    [InlineData("-LOADING Redis is loading\r\n", "loading")]
    [InlineData("%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:2\r\n", "not as a Redis server does")]
    [InlineData("%3\r\n+server\r\n+redis\r\n+version\r\n+6.0.16\r\n+proto\r\n:3\r\n", "6.0.16")]
    [InlineData("%4\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n+mode\r\n+sentinel\r\n", "Sentinel")]
    [InlineData("%4\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n+role\r\n+slave\r\n", "read-only replica")]
    [InlineData(null, "did not answer within 300 ms")]
    [InlineData("", "closed the connection")]
    public async Task What_cannot_be_worked_with_is_named(string? answer, string named)
    {
        using var server = new FakeServer(talk =>
        {
            talk.Read();
            if (answer is not null) talk.Say(answer);
            if (answer != "") talk.WaitForEnd();
        });

        // Only the one that says nothing is waited for.
        LatchworkStoreException error = await FailsAsync($"{server.Uri}?connectTimeout={(answer is null ? "300ms" : "2m")}");
        error.Message.ShouldContain(named);
        error.Message.ShouldContain(server.Uri);
    }

    [Fact]
    public async Task A_server_before_HELLO_is_named_with_its_version_and_the_password_that_it_repeats_is_not()
    {
        using var server = new FakeServer(talk =>
        {
            talk.Read();
            talk.Say("-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`, \r\n-NOAUTH x\r\n-NOAUTH x\r\n");
            string[] words = [];
            while (words is not ["AUTH", "hunter2"]) words = talk.Read();
            talk.Say("+OK\r\n$44\r\n# Server\r\nredis_version:5.0.14\r\nredis_git:00\r\n\r\n");
            talk.WaitForEnd();
        });
        LatchworkStoreException error = await FailsAsync(server.Uri.Replace("redis://", "redis://:hunter2@", StringComparison.Ordinal));
        error.Message.ShouldContain("5.0.14");
        error.ToString().ShouldNotContain("hunter2");
    }

    [Fact]
    public async Task Valkey_is_welcome()
    {
        using var server = new FakeServer(talk =>
        {
            talk.Greet("%4\r\n+server\r\n+valkey\r\n+version\r\n+8.0.1\r\n+proto\r\n:3\r\n+role\r\n+master\r\n+OK\r\n+PONG\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), default);
    }

    [Fact]
    public async Task Connecting_can_be_given_up()
    {
        using var server = new FakeServer(talk => talk.WaitForEnd());
        using var giveUp = new CancellationTokenSource();
        Task connecting = RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), giveUp.Token);
        await Eventually.HoldsAsync(() => server.Connections == 1, "it is connecting");
        await giveUp.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => connecting);
    }

    private static async Task<LatchworkStoreException> FailsAsync(string uri)
    {
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => RedisConnection.ConnectAsync(RedisOptions.Parse(uri), default));
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
        return error;
    }
}
