using Latchwork.Redis.Connections;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

public sealed class RedisOptionsTests
{
    [Theory]
    [InlineData("redis://localhost", "redis://localhost:6379/0")]
    [InlineData("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3")]
    [InlineData("REDIS://host/", "redis://host:6379/0")]
    [InlineData("redis://[::1]:7000", "redis://[::1]:7000/0")]
    [InlineData("redis://[fe80::1]/2", "redis://[fe80::1]:6379/2")]
    [InlineData("redis://user:secret@host:1/5", "redis://host:1/5")]
    [InlineData("redis://host?db=4", "redis://host:6379/4")]
    [InlineData("unix:///run/redis.sock", "unix:///run/redis.sock?db=0")]
    [InlineData("unix://:secret@/run/a%20b.sock?db=2", "unix:///run/a b.sock?db=2")]
    [InlineData("host", "redis://host:6379/0")]
    [InlineData("host:7000,defaultDatabase=2,password=secret", "redis://host:7000/2")]
    [InlineData("[::1]:7000,ssl=false", "redis://[::1]:7000/0")]
    [InlineData("::1", "redis://[::1]:6379/0")]
    [InlineData("redis://a,b:7000,[::1]/2", "redis://a:6379,b:7000,[::1]:6379/2")]
    [InlineData("redis://me:secret@a,b", "redis://a:6379,b:6379/0")]
    [InlineData("a:1,b:2,password=secret", "redis://a:1,b:2/0")]
    [InlineData("rediss://host", "rediss://host:6379/0")]
    [InlineData("valkeys://host:1", "rediss://host:1/0")]
    [InlineData("host,ssl=true,sslHost=other", "rediss://host:6379/0")]
    [InlineData("redis://host?tlsHost=other", "rediss://host:6379/0")]
    [InlineData("redis+sentinel://a,b:1,c/main/3", "redis+sentinel://a:26379,b:1,c:26379/main/3")]
    [InlineData("rediss+sentinel://u:secret@a/main?sentinelPassword=secret", "rediss+sentinel://a:26379/main/0")]
    [InlineData("a,b:5,serviceName=main", "redis+sentinel://a:26379,b:5/main/0")]
    public void An_address_is_understood(string text, string description) => RedisOptions.Parse(text).ToString().ShouldBe(description);

    [Fact]
    public void Every_part_of_a_URI_is_read_and_decoded()
    {
        RedisOptions options = RedisOptions.Parse("redis://us%3Aer:p%40ss%2F%3A%25@host:1234/7?name=my-app&connectTimeout=250ms&commandTimeout=1m&prefix=x:");
        options.User.ShouldBe("us:er");
        options.Password.ShouldBe("p@ss/:%");
        (options.Endpoints.Single(), options.Database).ShouldBe((new RedisEndpoint("host", 1234), 7));
        options.ClientName.ShouldBe("my-app");
        options.ConnectTimeout.ShouldBe(TimeSpan.FromMilliseconds(250));
        options.CommandTimeout.ShouldBe(TimeSpan.FromMinutes(1));
        options.KeyPrefix.ShouldBe("x:");
    }

    [Fact]
    public void A_connection_string_of_the_usual_client_is_read()
    {
        RedisOptions options = RedisOptions.Parse("host:1234, user=me, password=p=w%40, name=app, defaultDatabase=3, connectTimeout=1500, syncTimeout=2s");
        (options.User, options.Password, options.ClientName, options.Database).ShouldBe(("me", "p=w%40", "app", 3));
        options.ConnectTimeout.ShouldBe(TimeSpan.FromSeconds(1.5));
        options.CommandTimeout.ShouldBe(TimeSpan.FromSeconds(2));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("rediss://host?tls=false", "in plain")]
    [InlineData("rediss://host?tls=maybe", "'maybe'")]
    [InlineData("rediss://host?ca=/nowhere/ca.pem", "'/nowhere/ca.pem'")]
    [InlineData("rediss://host?key=/nowhere/key.pem", "needs a certificate file")]
    [InlineData("unix:///run/redis.sock?tls=true", "cannot be used with TLS")]
    [InlineData("redis+sentinel://host", "the name that they give to the primary")]
    [InlineData("redis+sentinel://host/main/x", "'x'")]
    [InlineData("redis://host?sentinelPassword=secret", "service")]
    [InlineData("redis://host?waitReplicas=0", "'0'")]
    [InlineData("redis://host?waitReplicas=many", "'many'")]
    [InlineData("redis://host?waitTimeout=6s", "'6 s'")]
    [InlineData("redis://host?waitWrites=some", "'some'")]
    [InlineData("http://host", "'http'")]
    [InlineData("redis://host:port", "'port'")]
    [InlineData("redis://host:0", "'0'")]
    [InlineData("redis://host:65536", "'65536'")]
    [InlineData("redis://host/one", "'one'")]
    [InlineData("redis://host/-1", "'-1'")]
    [InlineData("redis://ho st", "'ho st'")]
    [InlineData("redis://[::1", "'[::1'")]
    [InlineData("redis://[::1]x", "'x'")]
    [InlineData("redis://1:2:3", "'1:2:3'")]
    [InlineData("redis://me@host", "'me'")]
    [InlineData("redis://host?connectTimeout=soon", "'soon'")]
    [InlineData("redis://host?connectTimeout=0", "'0 ms'")]
    [InlineData("redis://host?commandTimeout=11m", "'660 s'")]
    [InlineData("redis://host?name=a%20b", "'a b'")]
    [InlineData("redis://host?name=a%2", "hexadecimal")]
    [InlineData("redis://host?prefix=%7Bx", "braces")]
    [InlineData("redis://host?passwort=secret", "'passwort'")]
    [InlineData("redis://host#x", "'#'")]
    [InlineData("a:1,b:x", "'x'")]
    [InlineData("password=secret", "no server")]
    [InlineData("unix://run/redis.sock", "'run'")]
    public void A_wrong_address_is_refused_with_the_value(string text, string named)
    {
        ArgumentException error = Should.Throw<ArgumentException>(() => RedisOptions.Parse(text));
        error.Message.ShouldContain(named);
        error.Message.ShouldNotContain("secret");
    }

    [Fact]
    public void All_that_is_wrong_is_named_together_and_no_password()
    {
        ArgumentException error = Should.Throw<ArgumentException>(
            () => RedisOptions.Parse("rediss://me:hunter2@host:99999,ho st/x?connectTimeout=never&pass=hunter2&ca=/nowhere"));
        foreach (string part in new[] { "'/nowhere'", "'ho st'", "'99999'", "'x'", "'never'", "'pass'" })
            error.Message.ShouldContain(part);
        error.Message.ShouldNotContain("hunter2");
    }

    [Fact]
    public async Task Settings_made_by_hand_are_checked_too()
    {
        var options = new RedisOptions
        {
            Endpoints = { new RedisEndpoint("", 0), RedisEndpoint.Unix("") },
            SentinelService = "a b",
            Database = -1,
            Password = "hunter2",
            SentinelPassword = "hunter2",
            Credentials = _ => throw new InvalidOperationException(),
            Tls = new RedisTlsOptions { HostName = "", CertificateFile = "/nowhere/cert.pem", Authorities = [] },
            Replication = new RedisReplication { Replicas = 0, Timeout = TimeSpan.Zero, Writes = (ReplicatedWrites)8 },
            ConnectTimeout = TimeSpan.Zero,
            MaxQueuedCommands = 0,
        };
        ArgumentException error = await Should.ThrowAsync<ArgumentException>(() => RedisConnection.ConnectAsync(options, default));
        string[] parts =
        [
            "port '0'", "host ''", "path ''", "service of the Sentinels 'a b'", "database '-1'", "password '***' cannot be used together",
            "TLS host name ''", "'/nowhere/cert.pem' does not exist", "certificate authorities '0'", "number of replicas '0'",
            "timeout of replicas '0 ms'", "writes '8'", "connect timeout '0 ms'", "most queued commands '0'",
        ];
        foreach (string part in parts)
            error.Message.ShouldContain(part);
        error.Message.ShouldNotContain("hunter2");
        options.ToString().ShouldNotContain("hunter2");
    }
}
