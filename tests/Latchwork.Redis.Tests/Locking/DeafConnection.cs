using Latchwork.Redis.Connections;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>A connection on which no message ever arrives, while everything else works.</summary>
internal sealed class DeafConnection(IRedisConnection inner) : IRedisConnection
{
    public string Description => inner.Description;

    public ValueTask<RedisReply> EvaluateAsync(
        RedisScript script, ReadOnlySpan<RedisArgument> keys, ReadOnlySpan<RedisArgument> arguments, CancellationToken cancellationToken) =>
        inner.EvaluateAsync(script, keys, arguments, cancellationToken);

    public ValueTask<IAsyncDisposable> SubscribeAsync(
        string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(channel, static _ => { }, static () => { }, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
