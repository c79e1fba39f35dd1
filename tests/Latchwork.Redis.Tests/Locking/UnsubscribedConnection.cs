using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>A connection on which no message ever arrives, while everything else works.</summary>
internal sealed class UnsubscribedConnection(IRedisConnection inner) : PassingConnection(inner)
{
    public override ValueTask<IAsyncDisposable> SubscribeAsync(
        string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken) =>
        base.SubscribeAsync(channel, static _ => { }, static () => { }, cancellationToken);
}
