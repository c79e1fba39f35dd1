using Latchwork.Redis.Connections;
using Latchwork.Redis.Connections.Cluster;
using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Settings for a cluster, and what is said when they do not fit what is there.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterConnectingTests(ClusterFixture fixture)
{
    private RedisCluster Cluster => fixture.Cluster;

    [Fact]
    public void The_address_names_a_few_members()
    {
        RedisOptions options = RedisOptions.Parse("redis+cluster://user:secret@a:7000,b,[::1]:7002?partitions=12&prefix=p:");
        options.Cluster.ShouldBeTrue();
        options.Endpoints.ShouldBe([new("a", 7000), new("b"), new("::1", 7002)]);
        options.ToString().ShouldBe("redis+cluster://a:7000,b:6379,[::1]:7002");
        RedisOptions.Parse("rediss+cluster://a").ToString().ShouldBe("rediss+cluster://a:6379");
        RedisOptions.Parse("a:7000,b:7001,cluster=true").ToString().ShouldBe("redis+cluster://a:7000,b:7001");
        RedisOptions.Parse("redis+cluster://a/0").Database.ShouldBe(0);
    }

    [Theory]
    [InlineData("redis+cluster://a/3", "the database '3' must be 0 in a cluster")]
    [InlineData("redis+cluster://a?db=3", "the database '3' must be 0 in a cluster")]
    [InlineData("redis+cluster://a?service=main", "'main' cannot be used for a cluster")]
    [InlineData("unix:///tmp/x?cluster=true", "'/tmp/x' cannot be used for a cluster")]
    [InlineData("a,cluster=maybe", "cluster 'maybe' is neither true nor false")]
    public void What_a_cluster_does_not_have_is_refused(string address, string message) =>
        Should.Throw<ArgumentException>(() => RedisOptions.Parse(address)).Message.ShouldContain(message);

    [Fact]
    public async Task A_member_says_how_to_connect_to_its_cluster()
    {
        RedisServer member = Cluster.Servers[0];
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => RedisStore.ConnectAsync(member.PatientUri));
        error.Message.ShouldContain($"write redis+cluster://127.0.0.1:{member.Port}.");
        error.IsTransient.ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_that_is_in_no_cluster_says_so()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => RedisStore.ConnectAsync($"redis+cluster://127.0.0.1:{server.Port}?connectTimeout=2m"));
        error.Message.ShouldContain($"no member of a Redis Cluster; write redis://127.0.0.1:{server.Port}.");
    }

    [Fact]
    public async Task One_member_of_those_named_is_enough()
    {
        string uri = $"redis+cluster://127.0.0.1:1,127.0.0.1:{Cluster.Servers[2].Port}?connectTimeout=2m&commandTimeout=2m";
        await using RedisStore store = await RedisStore.ConnectAsync(uri);
        store.Description.ShouldBe(uri.Split('?')[0]);
        await store.Timers.OpenAsync($"ns-{Guid.NewGuid():N}", CancellationToken.None);

        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => RedisStore.ConnectAsync("redis+cluster://127.0.0.1:1,127.0.0.1:2"));
        error.Message.ShouldContain("127.0.0.1:1");
        error.Message.ShouldContain("127.0.0.1:2");
        error.IsTransient.ShouldBeTrue();
    }

    [Fact]
    public async Task Members_are_reached_over_TLS()
    {
        using var certificates = new TestCertificates();
        (string certificate, string key) = certificates.Make("server", ["127.0.0.1"]);
        var ports = new int[3];
        await using RedisCluster cluster = await RedisCluster.StartAsync(new()
        {
            Replicas = 0,
            NodeTimeout = TimeSpan.FromMinutes(1),
            Arguments = i =>
            [
                "--tls-port", $"{ports[i] = RedisServer.FreePort()}", "--tls-cluster", "yes", "--tls-cert-file", certificate, "--tls-key-file", key,
                "--tls-ca-cert-file", certificates.AuthorityFile, "--tls-auth-clients", "no",
            ],
        });
        await using ClusterConnection connection = await ClusterConnection.ConnectAsync(
            RedisOptions.Parse($"rediss+cluster://127.0.0.1:{ports[0]}?ca={certificates.AuthorityFile}&connectTimeout=2m&commandTimeout=2m"), CancellationToken.None);
        var script = new RedisScript("echo", "return ARGV[1]");
        for (int i = 0; i < 30; i++) (await connection.EvaluateAsync(script, [$"key-{i}"], [i], CancellationToken.None)).Number.ShouldBe(i);
        connection.Primaries.Select(primary => primary.Description).ShouldBe(ports.Select(port => $"rediss://127.0.0.1:{port}/0"));
    }

    [Fact]
    public async Task Each_primary_is_checked()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        IReadOnlyList<StoreWarning> warnings = await store.CheckAsync();
        foreach (RedisServer server in Cluster.Servers)
            warnings.ShouldContain(warning => warning.Code == "no-persistence" && warning.Message.StartsWith($"redis://127.0.0.1:{server.Port}/0: "));
    }

    [Fact]
    public async Task Namespaces_of_locks_are_not_moved()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => store.Transfer.LookAsync(new TransferUnit(TransferKind.Locks, "reports"), CancellationToken.None));
        error.Message.ShouldContain("'reports'");
        error.Message.ShouldContain("Redis Cluster");
    }

    [Theory]
    [InlineData("MOVED 3999 127.0.0.1:6381", nameof(ClusterRefusalKind.Moved), "127.0.0.1:6381")]
    [InlineData("ASK 3999 ::1:6381", nameof(ClusterRefusalKind.Ask), "[::1]:6381")]
    [InlineData("MOVED 3999 :6381", nameof(ClusterRefusalKind.Moved), "asked:6381")]
    [InlineData("MOVED 3999 ?:6381", nameof(ClusterRefusalKind.Moved), null)]
    [InlineData("MOVED", nameof(ClusterRefusalKind.Moved), null)]
    [InlineData("MOVED 1 x:99999999999", nameof(ClusterRefusalKind.Moved), null)]
    [InlineData("TRYAGAIN Multiple keys request during rehashing of slot", nameof(ClusterRefusalKind.TryAgain), null)]
    [InlineData("CLUSTERDOWN The cluster is down", nameof(ClusterRefusalKind.Down), null)]
    public void A_refusal_names_who_could(string error, string kind, string? target)
    {
        ClusterRefusal refusal = ClusterRefusal.Parse(error, new RedisEndpoint("asked", 7000))!;
        refusal.Kind.ToString().ShouldBe(kind);
        refusal.Target?.ToString().ShouldBe(target);
    }

    [Theory]
    [InlineData("ERR no")]
    [InlineData("NOSCRIPT No matching script.")]
    [InlineData("")]
    public void Other_errors_are_no_refusals(string error) => ClusterRefusal.Parse(error, new RedisEndpoint("asked", 7000)).ShouldBeNull();

    [Fact]
    public void Servers_without_a_name_are_where_the_answer_came_from()
    {
        RedisReply reply = List(
            List(Number(0), Number(100), List(Text(""), Number(7000), Text("id")), List(Text("r"), Number(7001), Text("id"))),
            List(Number(101), Number(200), List(RedisReply.Null, Number(7002), Text("id"), List(Text("ip"), Text("10.0.0.9")))),
            List(Number(201), Number(300), List(Text("?"), Number(7003), Text("id"), List(Text("ip"), Text("10.0.0.9")))),
            List(Number(301), Number(400), List(Text("?"), Number(7004), Text("id"), List())));
        ClusterMap map = ClusterMap.Read(reply, new RedisEndpoint("asked", 1));
        new[] { 0, 100, 101, 250, 301, 16383 }.Select(slot => map.OwnerOf(slot)?.ToString())
            .ShouldBe(["asked:7000", "asked:7000", "asked:7002", "10.0.0.9:7003", null, null]);
        map.Primaries.Count.ShouldBe(3);
        map.Members.ShouldContain(new RedisEndpoint("r", 7001));
        Should.Throw<InvalidOperationException>(() => ClusterMap.Read(List(List(Number(5), Number(70_000), List(Text("a"), Number(1)))), new RedisEndpoint("asked", 1)));
    }

    private static RedisReply List(params RedisReply[] items) => RedisReply.OfItems(items);

    private static RedisReply Number(long number) => RedisReply.OfNumber(number);

    private static RedisReply Text(string text) => RedisReply.OfBytes(System.Text.Encoding.UTF8.GetBytes(text));
}
