using System.Reflection;
using Latchwork.Redis.Connections;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>The client raises its events on the pool, so that the one of a loss may come after the one of its end.</summary>
public sealed class EventOrderTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_loss_that_is_heard_of_after_its_end_is_counted_once_and_does_not_stay(bool lossFirst)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ConnectionMultiplexer real = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},connectTimeout=60000");
        var multiplexer = (HeldEvents)(object)HeldEvents.Of(real);
        await using var connection = RedisConnection.Share((IConnectionMultiplexer)(object)multiplexer, new RedisOptions());

        ConnectionFailedEventArgs loss = Args(ConnectionFailureType.SocketClosed), end = Args(ConnectionFailureType.None);
        if (lossFirst) multiplexer.Failed!(multiplexer, loss);
        multiplexer.Restored!(multiplexer, end);
        if (!lossFirst) multiplexer.Failed!(multiplexer, loss);

        await Eventually.HoldsAsync(() => connection.Reconnects >= 1, "the new connection is counted");
        connection.Reconnects.ShouldBe(1);
        connection.LastError.ShouldBeNull();

        // And the next one is a loss of its own.
        multiplexer.Failed!(multiplexer, loss);
        multiplexer.Restored!(multiplexer, end);
        await Eventually.HoldsAsync(() => connection.Reconnects >= 2, "the next one is counted");
        connection.Reconnects.ShouldBe(2);

        ConnectionFailedEventArgs Args(ConnectionFailureType type) => new(multiplexer, real.GetEndPoints()[0], ConnectionType.Interactive, type, null!, "a name");
    }

    [Fact]
    public async Task A_first_connection_is_no_hint_to_listeners_and_the_end_of_a_loss_is()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ConnectionMultiplexer real = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port},connectTimeout=60000");
        var multiplexer = (HeldEvents)(object)HeldEvents.Of(real);
        await using var connection = RedisConnection.Share((IConnectionMultiplexer)(object)multiplexer, new RedisOptions());
        int hints = 0;
        await using IAsyncDisposable subscription = await connection.SubscribeAsync("channel", static _ => { }, () => Interlocked.Increment(ref hints), default);

        multiplexer.Restored!(multiplexer, Args(ConnectionFailureType.None)); // the subscription's own connection, which the client makes when it is needed
        multiplexer.Failed!(multiplexer, Args(ConnectionFailureType.SocketClosed));
        await Eventually.HoldsAsync(() => Volatile.Read(ref hints) == 1, "the loss is over, and they may have missed something");

        ConnectionFailedEventArgs Args(ConnectionFailureType type) => new(multiplexer, real.GetEndPoints()[0], ConnectionType.Subscription, type, null!, "a name");
    }

    /// <summary>The application's multiplexer; but its events are raised by the test.</summary>
    public class HeldEvents : DispatchProxy
    {
        private IConnectionMultiplexer _inner = null!;

        public EventHandler<ConnectionFailedEventArgs>? Failed { get; private set; }
        public EventHandler<ConnectionFailedEventArgs>? Restored { get; private set; }

        public static IConnectionMultiplexer Of(IConnectionMultiplexer inner)
        {
            IConnectionMultiplexer proxy = Create<IConnectionMultiplexer, HeldEvents>();
            ((HeldEvents)(object)proxy)._inner = inner;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            switch (targetMethod!.Name)
            {
                case "add_ConnectionFailed":
                    Failed += (EventHandler<ConnectionFailedEventArgs>?)args![0];
                    return null;
                case "add_ConnectionRestored":
                    Restored += (EventHandler<ConnectionFailedEventArgs>?)args![0];
                    return null;
                default:
                    return targetMethod.Invoke(_inner, args);
            }
        }
    }
}
