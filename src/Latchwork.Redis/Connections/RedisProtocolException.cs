namespace Latchwork.Redis.Connections;

/// <summary>What the other side sent is not what a Redis server sends. The connection is dropped; callers see a <see cref="LatchworkStoreException"/>.</summary>
internal sealed class RedisProtocolException(string message) : Exception(message);
