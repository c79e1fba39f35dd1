using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>Connection strings and settings: what they mean, and what is said of wrong ones.</summary>
public sealed partial class RedisOptionsTests
{
    [Theory]
    [InlineData("redis://localhost", "redis://localhost:6379/0")]
    [InlineData("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3")]
    [InlineData("REDIS://host/", "redis://host:6379/0")]
    [InlineData("valkey://host", "redis://host:6379/0")]
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
    [InlineData("redis+cluster://me:secret@a,b:7000", "redis://a:6379,b:7000/0")]
    [InlineData("rediss+cluster://a", "rediss://a:6379/0")]
    [InlineData("a:1,b:2,password=secret", "redis://a:1,b:2/0")]
    [InlineData("!/run/redis.sock,password=secret", "unix:///run/redis.sock?db=0")]
    [InlineData("rediss://host", "rediss://host:6379/0")]
    [InlineData("valkeys://host:1", "rediss://host:1/0")]
    [InlineData("host,ssl=true,sslHost=other", "rediss://host:6379/0")]
    [InlineData("redis://host?tlsHost=other", "rediss://host:6379/0")]
    [InlineData("redis+sentinel://a,b:1,c/main/3", "redis+sentinel://a:26379,b:1,c:26379/main/3")]
    [InlineData("rediss+sentinel://u:secret@a/main?sentinelPassword=secret", "rediss+sentinel://a:26379/main/0")]
    [InlineData("a,b:5,serviceName=main", "redis+sentinel://a:26379,b:5/main/0")]
    public void An_address_is_understood(string text, string description) =>
        RedisConfiguration.Describe(TestConnection.Read(text, new RedisOptions())).ShouldBe(description);

    [Fact]
    public void Every_part_of_a_URI_is_read_and_decoded()
    {
        var options = new RedisOptions();
        ConfigurationOptions settings = TestConnection.Read(
            "redis://us%3Aer:p%40ss%2F%3A%25=%3F%23,@host:1234/7?name=my-app&connectTimeout=250ms&abortConnect=false&commandTimeout=1m&prefix=x:&partitions=12", options);
        (settings.User, settings.Password).ShouldBe(("us:er", "p@ss/:%=?#,"));
        settings.EndPoints.ShouldBe([new DnsEndPoint("host", 1234)]);
        (settings.DefaultDatabase, settings.ClientName, settings.ConnectTimeout, settings.AbortOnConnectFail, settings.Ssl).ShouldBe((7, "my-app", 250, false, false));
        (options.CommandTimeout, options.KeyPrefix, options.Partitions).ShouldBe((TimeSpan.FromMinutes(1), "x:", 12));
    }

    [Fact]
    public void The_parts_of_a_URI_for_Sentinels_go_where_they_belong()
    {
        ConfigurationOptions settings = TestConnection.Read("redis+sentinel://me:mine@a:1,b/main/2?sentinelUser=watch&sentinelPassword=theirs", new RedisOptions());
        (settings.User, settings.Password, settings.SentinelUser, settings.SentinelPassword).ShouldBe(("me", "mine", "watch", "theirs"));
        (settings.ServiceName, settings.DefaultDatabase, settings.EndPoints.Count).ShouldBe(("main", 2, 2));

        settings = TestConnection.Read("redis+sentinel://me:mine@a/main", new RedisOptions());
        (settings.User, settings.Password, settings.SentinelUser, settings.SentinelPassword).ShouldBe(("me", "mine", "", ""), "Sentinels need not know the users of the servers");
    }

    [Fact]
    public void A_connection_string_of_the_client_is_taken_as_a_whole()
    {
        ConfigurationOptions settings = TestConnection.Read(
            "host:1234, other, user=me, password=p=w%40==, name=app, defaultDatabase=3, connectTimeout=1500, syncTimeout=2000, abortConnect=false, ssl=true, sslHost=tls, " +
            "keepAlive=17, connectRetry=9, protocol=resp2, resolveDns=true, $SUBSCRIBE=HEAR",
            new RedisOptions());
        (settings.User, settings.Password, settings.ClientName, settings.DefaultDatabase).ShouldBe(("me", "p=w%40==", "app", 3));
        settings.EndPoints.ShouldBe([new DnsEndPoint("host", 1234), new DnsEndPoint("other", 0)]);
        (settings.ConnectTimeout, settings.SyncTimeout, settings.AbortOnConnectFail, settings.Ssl, settings.SslHost).ShouldBe((1500, 2000, false, true, "tls"));
        (settings.KeepAlive, settings.ConnectRetry, settings.Protocol, settings.ResolveDns).ShouldBe((17, 9, RedisProtocol.Resp2, true));
        settings.ToString(includePassword: false).ShouldContain("$SUBSCRIBE=HEAR");

        // The client's own words for the store's commands: the timeouts of the store overrule them.
        ConfigurationOptions prepared = RedisConfiguration.Prepare(settings, new RedisOptions { CommandTimeout = TimeSpan.FromSeconds(7) });
        prepared.AsyncTimeout.ShouldBeGreaterThanOrEqualTo(7000);
        prepared.ConnectTimeout.ShouldBe(1500);
        RedisConfiguration.Prepare(new ConfigurationOptions(), new RedisOptions { CommandTimeout = TimeSpan.FromMinutes(2) }).ConnectTimeout.ShouldBe(5000);
        (settings.SyncTimeout, settings.BacklogPolicy).ShouldBe((2000, BacklogPolicy.Default), "what was given is not changed");
    }

    [Theory]
    [InlineData("redis://host?prefix=x:&partitions=3&commandTimeout=250ms&waitReplicas=2&waitTimeout=100ms&waitWrites=posts")]
    [InlineData("host, prefix=x:, partitions=3, commandTimeout=250, waitReplicas=2, waitTimeout=100ms, waitWrites=Posts, password=secret")]
    [InlineData("host,KEYPREFIX=x:,Partitions=3,CommandTimeout=250ms,WaitReplicas=2,WaitTimeout=100ms,WaitWrites=POSTS")]
    public void Options_of_the_store_are_understood_in_both_forms_and_overrule_the_settings(string text)
    {
        var options = new RedisOptions { KeyPrefix = "overruled:", MaxQueuedCommands = 17, Replication = new RedisReplication { Replicas = 7 } };
        TestConnection.Read(text, options);
        (options.KeyPrefix, options.Partitions, options.CommandTimeout, options.MaxQueuedCommands).ShouldBe(("x:", 3, TimeSpan.FromMilliseconds(250), 17));
        (options.Replication!.Replicas, options.Replication.Timeout, options.Replication.Writes).ShouldBe((2, TimeSpan.FromMilliseconds(100), ReplicatedWrites.Posts));
    }

    [Theory]
    [InlineData("5s", 5)]
    [InlineData("2m", 120)]
    [InlineData("1500", 1.5)]
    public void Times_have_units(string text, double seconds)
    {
        var options = new RedisOptions();
        TestConnection.Read($"redis://host?commandTimeout={text}", options);
        options.CommandTimeout.ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("rediss://host?ca=/nowhere/ca.pem", "'/nowhere/ca.pem'")]
    [InlineData("rediss://host?key=/nowhere/key.pem", "'/nowhere/key.pem'")]
    [InlineData("rediss://host?key=/dev/null", "needs a certificate file")]
    [InlineData("unix:///run/redis.sock?tlsHost=x", "cannot be used with TLS")]
    [InlineData("!/run/redis.sock,ssl=true", "cannot be used with TLS")]
    [InlineData("redis+sentinel://host", "the name of the service is missing")]
    [InlineData("redis+sentinel://host/main/x", "not a number")]
    [InlineData("redis://host?sentinelPassword=secret", "service")]
    [InlineData("redis://host?waitReplicas=0", "it is 0")]
    [InlineData("redis://host?waitReplicas=many", "'many'")]
    [InlineData("redis://host?waitTimeout=6s", "it is 6s")]
    [InlineData("redis://host?waitWrites=some", "'some'")]
    [InlineData("host,waitWrites=some,password=secret", "'some'")]
    [InlineData("http://host", "'http'")]
    [InlineData("redis://host:port", "port")]
    [InlineData("redis://host:0", "65535")]
    [InlineData("redis://host:65536", "65535")]
    [InlineData("redis://host/one", "not a number")]
    [InlineData("redis://host/-1", "not a number")]
    [InlineData("redis://host/1/2", "more than a database")]
    [InlineData("redis://host?db=one", "'one'")]
    [InlineData("redis://ho st", "server number 1")]
    [InlineData("redis://host,,other", "host is missing")]
    [InlineData("redis://user:pw@:6379", "host is missing")]
    [InlineData("redis://[::1", "server number 1")]
    [InlineData("redis://[::1]x", "port")]
    [InlineData("redis://1:2:3", "server number 1")]
    [InlineData("redis://me@host", "needs a password")]
    [InlineData("redis://host?connectTimeout=soon", "'soon'")]
    [InlineData("redis://host?connectTimeout=0", "'0 ms'")]
    [InlineData("redis://host?commandTimeout=11m", "it is 11m")]
    [InlineData("redis://host?name=a%2", "hexadecimal")]
    [InlineData("redis://:secret%2@host", "hexadecimal")]
    [InlineData("redis://host?prefix=%7Bx", "braces")]
    [InlineData("redis://host?partitions=1025", "it is 1025")]
    [InlineData("redis://host?passwort=secret", "'passwort'")]
    [InlineData("redis://host?abortConnect=maybe", "'maybe'")]
    [InlineData("redis://host#x", "%23")]
    [InlineData("a:1,b:x", "number 2")]
    [InlineData("a:1,b:99999", "number 2")]
    [InlineData("password=secret", "name a server")]
    [InlineData("host,connectTimeout=secret", "'connectTimeout'")]
    [InlineData("host,ssl=secret", "'ssl'")]
    [InlineData("host,proxy=twemproxy", "proxy")]
    [InlineData("unix://run/redis.sock", "no host")]
    public void A_wrong_connection_string_is_refused_with_what_is_wrong(string text, string named)
    {
        ArgumentException error = Refused(text);
        error.Message.ShouldContain(named);
        error.Message.ShouldNotContain("secret");
    }

    [Fact]
    public void A_socket_with_TLS_is_named_once() =>
        Refused("unix:///run/redis.sock?tlsHost=x").Message.Split("cannot be used with TLS").Length.ShouldBe(2);

    [Fact]
    public void All_that_is_wrong_is_named_together_and_no_password()
    {
        string message = Refused("rediss://me:hunter2@host:99999,ho st/x?connectTimeout=never&pass=hunter2&ca=/nowhere&waitWrites=some&commandTimeout=11m").Message;
        foreach (string part in new[] { "'/nowhere'", "a port is not a number", "neither a host name", "the database", "'never'", "the option number 2 ", "'some'", "it is 11m" })
            message.ShouldContain(part);
        message.ShouldNotContain("hunter2");

        message = Refused("host:99999,ssl=perhaps,unknownoption=1,partitions=many,commandTimeout=11m,password=hunter2,other:x").Message;
        foreach (string part in new[] { "the part number 1 ", "'ssl'", "'unknownoption'", "'many'", "it is 11m", "the part number 7 " })
            message.ShouldContain(part);
        message.ShouldNotContain("hunter2");
    }

    /// <summary>Texts with a password that tears them apart, and the pieces of it that must not come back.</summary>
    [Theory]
    [InlineData("redis://:Sommer?Zeit=2026@host", "Sommer", "Zeit", "2026")]
    [InlineData("redis://:Sommer?Zeit=2026&x@host:6379/0?db=1", "Sommer", "Zeit", "2026")]
    [InlineData("redis://:pa/ss@host", "pa/", "/ss")]
    [InlineData("redis://user:12/34@host", "12", "34")]
    [InlineData("redis://u:p#xyz@host", "p#", "xyz")]
    [InlineData("redis://:aaa@bbb@host", "aaa", "bbb")]
    [InlineData("rediss://me:hunter2@host:99999", "hunter2")]
    [InlineData("redis://:hunter2", "hunter2")]
    [InlineData("redis://me:hunter2", "hunter2")]
    [InlineData("redis://me:hunter2/wort", "hunter2", "wort")]
    [InlineData("redis://me:hunter2?Wort=Ende", "hunter2", "Wort", "Ende")]
    [InlineData("redis://hunter2@host", "hunter2")]
    [InlineData("redis://me:hun,ter2", "hun", "ter2")]
    [InlineData("redis://me:hun[ter2", "hun", "ter2")]
    [InlineData("redis://me:hun ter2", "hun", "ter2")]
    [InlineData("me:hunter2@redis://host", "hunter2")]
    [InlineData("hunter2://me@host", "hunter2")]
    [InlineData("redis://host?password=Winter&Sommer=Zeit", "Winter", "Sommer", "Zeit")]
    [InlineData("redis://host?password=hunter2@x", "hunter2")]
    [InlineData("host:6379,password=hunter2,unknownoption=secret", "hunter2", "secret", "unknownoption")]
    [InlineData("host:6379,unknownoption=secret,password=hunter2", "hunter2", "secret")]
    [InlineData("host:6379,password=Winter,Som:mer", "Winter", "Som", "mer")]
    [InlineData("host:6379,password=Winter,Som#mer", "Winter", "Som", "mer")]
    [InlineData("host:6379,password=Winter,Sommer=Zeit", "Winter", "Sommer", "Zeit")]
    [InlineData("me:hunter2@host:6379,ssl=true", "hunter2")]
    [InlineData("host:6379,password=Winter,Sommer", "Winter", "Sommer")]
    [InlineData("host:6379,sentinelPassword=Winter,Sommer:7", "Winter", "Sommer")]
    [InlineData("host:6379,password hunter2", "hunter2")]
    [InlineData("host:6379 password=hunter2", "hunter2")]
    [InlineData("Endpoint=host;Password=hunter2;Port=1", "hunter2")]
    public void No_piece_of_a_password_comes_back_in_a_message(string text, params string[] pieces)
    {
        string message = StackFrame().Replace(Refused(text).ToString(), "");
        foreach (string piece in pieces)
            message.ShouldNotContain(piece, Case.Sensitive);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_channel_prefix_is_refused_by_name(bool asText)
    {
        const string Text = "127.0.0.1:1,channelPrefix=app:";
        ArgumentException error = await Should.ThrowAsync<ArgumentException>(
            () => asText ? RedisStore.ConnectAsync(Text) : RedisStore.ConnectAsync(ConfigurationOptions.Parse(Text)));
        error.Message.ShouldContain("channelPrefix");
    }

    [Fact]
    public void The_documentation_has_the_options() => OptionDocs.Check<RedisOptions>(
        "redis.md", "Options", RedisOptions.Set.Describe(), "Latchwork.Redis/RedisOptions.cs", "Latchwork.Redis/RedisReplication.cs");

    [Fact]
    public async Task Settings_made_by_hand_are_checked_too()
    {
        var settings = new ConfigurationOptions
        {
            EndPoints = { new DnsEndPoint("ho st", 1), new UnixDomainSocketEndPoint("/run/redis.sock") },
            Ssl = true,
            ServiceName = "",
            DefaultDatabase = -1,
            Password = "hunter2",
            Proxy = Proxy.Twemproxy,
            ConnectTimeout = 0,
        };
        var options = new RedisOptions
        {
            Replication = new RedisReplication { Replicas = 0, Timeout = TimeSpan.Zero, Writes = (ReplicatedWrites)8 },
            MaxQueuedCommands = 0,
            MaxQueuedBytes = 0,
            CommandTimeout = TimeSpan.Zero,
            KeyPrefix = new string('x', 129),
            Partitions = 0,
        };
        ArgumentException error = await Should.ThrowAsync<ArgumentException>(() => RedisStore.ConnectAsync(settings, options));
        string[] parts =
        [
            "the server number 1 is neither", "unix socket path '/run/redis.sock'", "service of the Sentinels ''", "database '-1'", "proxy 'Twemproxy'", "connect timeout '0 ms'",
            "'Replication.Replicas' must be between 1 and 100; it is 0", "'Replication.Timeout' must be between 1ms and 'CommandTimeout' (0s); it is 0s", "'Replication.Writes'", "it is 8",
            "'MaxQueuedCommands' must be between 1 and 10000000; it is 0", "'MaxQueuedBytes' must be between 1 and 1073741824; it is 0",
            "'CommandTimeout' must be between 10ms and 10m; it is 0s", "128 bytes", "'Partitions' must be between 1 and 1024; it is 0",
        ];
        foreach (string part in parts)
            error.Message.ShouldContain(part);
        error.Message.ShouldNotContain("hunter2");
        (await Should.ThrowAsync<ArgumentException>(() => RedisStore.ConnectAsync(new ConfigurationOptions()))).Message.ShouldContain("name a server");
    }

    // What is wrong is found before anything is connected to.
    private static ArgumentException Refused(string text) => Should.Throw<ArgumentException>(() => _ = RedisStore.ConnectAsync(text));

    // Line numbers and names that the compiler made may hold a piece of a password by chance.
    [GeneratedRegex(@"^ +at .*$", RegexOptions.Multiline)]
    private static partial Regex StackFrame();
}
