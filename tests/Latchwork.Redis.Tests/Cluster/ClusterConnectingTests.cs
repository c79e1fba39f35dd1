using System.Net;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Connecting to a cluster, and what is said when it cannot be worked with. Whether the servers are one is found out from them.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterConnectingTests(ClusterFixture fixture)
{
    private RedisCluster Cluster => fixture.Cluster;

    [Fact]
    public void The_address_names_a_few_members()
    {
        var options = new RedisOptions();
        ConfigurationOptions settings = TestConnection.Read("redis+cluster://user:secret@a:7000,b,[::1]:7002?partitions=12&prefix=p:", options);
        settings.EndPoints.ShouldBe([new DnsEndPoint("a", 7000), new DnsEndPoint("b", 0), new IPEndPoint(IPAddress.IPv6Loopback, 7002)]);
        (options.Partitions, options.KeyPrefix).ShouldBe((12, "p:"));
        RedisConfiguration.Describe(settings).ShouldBe("redis://a:7000,b:6379,[::1]:7002/0");
        RedisConfiguration.Describe(TestConnection.Read("rediss+cluster://a", new RedisOptions())).ShouldBe("rediss://a:6379/0");
        RedisConfiguration.Describe(TestConnection.Read("a:7000,b:7001", new RedisOptions())).ShouldBe("redis://a:7000,b:7001/0");
    }

    [Theory]
    [InlineData("redis+cluster")]
    [InlineData("redis")]
    public async Task One_member_is_enough_and_need_not_be_called_one(string scheme)
    {
        RedisServer member = Cluster.Servers[1];
        await using RedisConnection connection = await TestConnection.OpenAsync($"{scheme}://127.0.0.1:{member.Port}?connectTimeout=2m&commandTimeout=2m");
        connection.IsCluster.ShouldBeTrue();
        await CountEverywhereAsync(connection);
        connection.Primaries.Select(RedisConfiguration.Text).ShouldBe(Cluster.Servers.Select(server => $"127.0.0.1:{server.Port}"));
    }

    [Fact]
    public async Task A_server_that_is_in_no_cluster_is_used_as_what_it_is()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync($"redis+cluster://127.0.0.1:{server.Port}?connectTimeout=2m&commandTimeout=2m");
        connection.IsCluster.ShouldBeFalse();
        await CountEverywhereAsync(connection);
    }

    [Theory]
    [InlineData("redis+cluster")]
    [InlineData("redis")]
    public async Task A_database_other_than_0_is_refused(string scheme)
    {
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => RedisStore.ConnectAsync($"{scheme}://127.0.0.1:{Cluster.Servers[0].Port}/3?connectTimeout=2m&commandTimeout=2m"));
        error.Message.ShouldContain("database");
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
        error.IsTransient.ShouldBeFalse();
    }

    [Fact]
    public async Task One_member_of_those_named_is_enough()
    {
        string uri = $"redis+cluster://127.0.0.1:1,127.0.0.1:{Cluster.Servers[2].Port}";
        await using RedisStore store = await RedisStore.ConnectAsync($"{uri}?connectTimeout=1m&commandTimeout=2m");
        store.Description.ShouldBe($"redis://127.0.0.1:1,127.0.0.1:{Cluster.Servers[2].Port}/0");
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
        await using RedisConnection connection = await TestConnection.OpenAsync(
            $"rediss+cluster://127.0.0.1:{ports[0]}?ca={certificates.AuthorityFile}&connectTimeout=2m&commandTimeout=2m");
        connection.Description.ShouldBe($"rediss://127.0.0.1:{ports[0]}/0");
        await CountEverywhereAsync(connection);
        connection.Primaries.Select(RedisConfiguration.Text).ShouldBe(ports.Select(port => $"127.0.0.1:{port}"));
    }

    [Fact]
    public async Task Each_primary_is_checked()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        IReadOnlyList<StoreWarning> warnings = await store.CheckAsync();
        foreach (RedisServer server in Cluster.Servers)
            warnings.ShouldContain(warning => warning.Code == "no-persistence" && warning.Message.StartsWith($"127.0.0.1:{server.Port}: "));
    }

    [Fact]
    public async Task Namespaces_of_locks_are_not_moved()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => store.Maintenance.ReadMarksAsync(new NamespaceRef(TransferKind.Locks, "reports"), CancellationToken.None));
        error.Message.ShouldContain("'reports'");
        error.Message.ShouldContain("Redis Cluster");
    }

    private static async Task CountEverywhereAsync(RedisConnection connection)
    {
        var script = new RedisScript("count", "return redis.call('INCR', KEYS[1])");
        for (int i = 0; i < 30; i++)
            (await connection.EvaluateAsync(script, [$"key-{i}-{Guid.NewGuid():N}"], [], CancellationToken.None)).Number.ShouldBe(1);
    }
}
