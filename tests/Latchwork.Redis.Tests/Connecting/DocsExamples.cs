using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>The programs of the pages about Redis, word for word. That the pages have no others is tested with those of the other pages.</summary>
public sealed class DocsExamples
{
    [Fact]
    public async Task A_provider_of_credentials_is_asked_at_each_connect()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { Password = "admin" });
        (await server.CommandAsync("ACL", "SETUSER", "latchwork", "on", ">first", ">second", "~*", "&*", "+@all")).ShouldBe("OK");
        string password = "first";
        var configuration = new ConfigurationOptions { EndPoints = { { "127.0.0.1", server.Port } }, Defaults = new ElastiCacheProvider("latchwork", () => password) };
        await using RedisStore store = await RedisStore.ConnectAsync(configuration);
        password = "second";
        (await server.CommandAsync("ACL", "SETUSER", "latchwork", "<first")).ShouldBe("OK");
        await server.CommandAsync("CLIENT", "KILL", "USER", "latchwork");
        await Eventually.HoldsAsync(() => store.Reconnects > 0, "it has connected again");
        (await store.Timers.NamespacesAsync(default)).ShouldBeEmpty();
    }

    internal static async Task OwnAsync(IHostApplicationBuilder builder)
    {
        await using RedisStore simple = await RedisStore.ConnectAsync("redis://localhost:6379");
        await using RedisStore configured = await RedisStore.ConnectAsync(ConfigurationOptions.Parse("localhost:6379,ssl=false"), new() { KeyPrefix = "shop:" });
        builder.Services.AddLatchwork().UseRedis(services => services.GetRequiredService<ConfigurationOptions>());
    }

    internal static async Task SharedAsync(IHostApplicationBuilder builder, IConnectionMultiplexer multiplexer)
    {
        await using RedisStore shared = RedisStore.Create(multiplexer);
        builder.Services.AddLatchwork().UseRedis(services => services.GetRequiredService<IConnectionMultiplexer>());
        builder.Services.AddLatchwork().UseRedis();                         // the registered IConnectionMultiplexer
        builder.Services.AddLatchwork().UseRedis(serviceKey: "timers");     // the keyed one
    }

    internal static async Task ClusterAsync()
    {
        await using var store = await RedisStore.ConnectAsync("redis+cluster://host1,host2,host3?partitions=12");
    }

    internal static void ElastiCache(IHostApplicationBuilder builder)
    {
        var configuration = new ConfigurationOptions { EndPoints = { "clustercfg.NAME.REGION.cache.amazonaws.com:6379" }, Ssl = true };
        configuration.Defaults = new ElastiCacheProvider("latchwork", SignToken);
        builder.Services.AddLatchwork().UseRedis(services => configuration);
    }

    internal static async Task FromParseAsync()
    {
        var configuration = new ConfigurationOptions { EndPoints = { { "redis.internal", 6379 } }, User = "latchwork", Password = "secret", DefaultDatabase = 2, Ssl = true };
        configuration.TrustIssuer("/etc/redis/ca.pem");
        configuration.SetUserPemCertificate("/etc/redis/client.pem", "/etc/redis/client.key");
        await using RedisStore store = await RedisStore.ConnectAsync(configuration, new() { CommandTimeout = TimeSpan.FromSeconds(2), Partitions = 12 });
    }

    internal static void Hosting(IHostApplicationBuilder builder)
    {
        builder.Services.AddLatchwork()
            .UseRedis("redis://localhost:6379")
            .AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid");
    }

    private static string SignToken() => throw new NotSupportedException();
}

internal sealed record OrderUnpaid(int Number);

internal sealed class CancelUnpaidOrder : ITimerHandler<OrderUnpaid>
{
    public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;
}

internal sealed class ElastiCacheProvider(string user, Func<string> token) : DefaultOptionsProvider
{
    public override string User => user;

    public override string Password => token();
}
