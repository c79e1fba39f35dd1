using System.Net;
using Latchwork.Redis.Connections;
using StackExchange.Redis;

namespace Latchwork.Redis.Tests.Support;

/// <summary>Opens connections as the store does, from a connection string.</summary>
internal static class TestConnection
{
    /// <summary>Connects.</summary>
    /// <param name="connection">The connection string.</param>
    /// <param name="options">The settings of the store; the options of the string overrule them.</param>
    /// <param name="configure">Changes the configuration of the client.</param>
    public static Task<RedisConnection> OpenAsync(string connection, RedisOptions? options = null, Action<ConfigurationOptions>? configure = null)
    {
        options ??= new RedisOptions();
        ConfigurationOptions settings = Read(connection, options);
        configure?.Invoke(settings);
        return RedisConnection.ConnectAsync(settings, options.CheckedCopy(), CancellationToken.None);
    }

    /// <summary>Reads a connection string.</summary>
    /// <exception cref="ArgumentException">It is wrong.</exception>
    public static ConfigurationOptions Read(string connection, RedisOptions options)
    {
        var problems = new List<string>();
        ConfigurationOptions settings = RedisConnectionString.Read(connection, options, problems);
        RedisOptionsCheck.ThrowIfAny(problems, nameof(connection));
        return settings;
    }
}

/// <summary>Passes everything on; doubles change what they are about.</summary>
internal abstract class PassingConnection(IRedisConnection inner) : IRedisConnection
{
    public string Description => inner.Description;

    public long Reconnects => inner.Reconnects;

    public string? Outage => inner.Outage;

    public int Database => inner.Database;

    public bool IsCluster => inner.IsCluster;

    public virtual bool OrdersSubscriptions => inner.OrdersSubscriptions;

    public IReadOnlyList<EndPoint> Primaries => inner.Primaries;

    public virtual ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) =>
        inner.EvaluateAsync(script, keys, arguments, cancellationToken);

    public virtual ValueTask<RedisReply> RenewAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan lease) =>
        inner.RenewAsync(script, keys, arguments, lease);

    public ValueTask<RedisReply> EvaluateAtAsync(EndPoint server, RedisScript script, RedisValue[] arguments, CancellationToken cancellationToken) =>
        inner.EvaluateAtAsync(server, script, arguments, cancellationToken);

    public ValueTask<RedisReply> ExecuteAtAsync(EndPoint server, string command, object[] arguments, CancellationToken cancellationToken) =>
        inner.ExecuteAtAsync(server, command, arguments, cancellationToken);

    public virtual ValueTask<IAsyncDisposable> SubscribeAsync(
        string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(channel, onMessage, onRestored, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
