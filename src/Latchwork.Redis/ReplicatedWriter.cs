using System.Globalization;
using Latchwork.Redis.Connections;

namespace Latchwork.Redis;

/// <summary>
/// Writes that wait for replicas. <c>WAIT</c> holds up everything that comes behind it on a connection, so they have one of their own, and
/// each script and its <c>WAIT</c> go out in one piece: on another connection <c>WAIT</c> would speak of other writes.
/// </summary>
internal sealed class ReplicatedWriter(IRedisConnection connection, RedisReplication replication) : IAsyncDisposable
{
    public IRedisConnection Connection { get; } = connection;

    /// <summary>The reply of the script.</summary>
    /// <param name="both">The replies of the script and of <c>WAIT</c>.</param>
    /// <param name="shortfall">Null if enough replicas have it; else what to throw, unless the script turned out to write nothing.</param>
    public RedisReply Read(in RedisReply both, out LatchworkStoreException? shortfall)
    {
        RedisReply waited = both.Items[1];
        shortfall = waited.Kind switch
        {
            RedisReplyKind.Number when waited.Number >= replication.Replicas => null,
            RedisReplyKind.Number => NotReplicated(string.Create(
                CultureInfo.InvariantCulture,
                $"{waited.Number} of {replication.Replicas} replicas have confirmed it within {RedisErrors.Text(replication.Timeout)}.")),
            RedisReplyKind.Error => NotReplicated($"the replicas could not be waited for: {waited.Text}"),
            _ => NotReplicated("the server's answer about the replicas is not understood."),
        };
        return both.Items[0];
    }

    public ValueTask DisposeAsync() => Connection.DisposeAsync();

    private static LatchworkStoreException NotReplicated(string why) => new(
        $"It was written, but a failover now could lose it: {why}", StoreOutcome.NotReplicated);
}
