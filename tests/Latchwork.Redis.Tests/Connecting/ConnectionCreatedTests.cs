using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using StackExchange.Redis.Profiling;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary><see cref="RedisOptions.OnConnectionCreated"/>: the place to instrument the store's own connections.</summary>
public sealed class ConnectionCreatedTests
{
    [Theory]
    [InlineData("", 1)]
    [InlineData("&waitReplicas=1&waitTimeout=10ms&waitWrites=publishes", 2)]
    public async Task Each_connection_can_be_instrumented_before_it_is_used(string more, int count)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var connections = new ConcurrentQueue<IConnectionMultiplexer>();
        var session = new ProfilingSession(); // as OpenTelemetry's instrumentation does
        var options = new RedisOptions
        {
            OnConnectionCreated = connection =>
            {
                connections.Enqueue(connection);
                connection.RegisterProfiler(() => session);
            },
        };
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://127.0.0.1:{server.Port}?commandTimeout=1m&connectTimeout=1m{more}", options);
        connections.Distinct().Count().ShouldBe(count);

        string[] atStart = [.. session.FinishProfiling().Select(static command => command.Command)];
        atStart.ShouldContain("CONFIG", "the check at the start is seen, too");
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1));
        session.FinishProfiling().Select(static command => command.Command).ShouldContain("EVALSHA");
        connections.Count.ShouldBe(count);
    }

    [Fact]
    public async Task If_it_throws_connecting_fails_and_nothing_stays_connected()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var options = new RedisOptions { OnConnectionCreated = static _ => throw new InvalidOperationException("not today") };
        InvalidOperationException error = await Should.ThrowAsync<InvalidOperationException>(
            () => RedisStore.ConnectAsync($"redis://127.0.0.1:{server.Port}?name=instrumented&connectTimeout=1m", options));
        error.Message.ShouldBe("not today");
        await Eventually.ReadsAsync(
            () => server.CommandAsync("CLIENT", "LIST"), static clients => !clients.Contains("instrumented", StringComparison.Ordinal), "the connection is closed");
    }
}
