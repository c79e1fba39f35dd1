namespace Latchwork.Redis.Connections;

/// <summary>
/// Writes that wait for replicas. <c>WAIT</c> speaks of the writes of its own connection, and holds up everything behind it; so these writes have a
/// multiplexer of their own. After a reconnect, <c>WAIT</c> would speak of nothing: the number of the connection (<c>CLIENT ID</c>) must be the same
/// before the write and after <c>WAIT</c>, or the outcome is unknown.
/// </summary>
internal sealed class ReplicatedWriter(RedisConnection connection, RedisReplication replication)
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Evaluates a script, and waits for the replicas.</summary>
    /// <returns>The script's reply, and what to throw if it has written something and too few replicas have it; null if enough have.</returns>
    public async ValueTask<(RedisReply Reply, LatchworkStoreException? Shortfall)> EvaluateAsync(
        RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(connection.CommandTimeout);
        string name = $"script '{script.Name}'";
        string? refusal = null;
        bool sent = false, asText = false;
        try
        {
            while (true)
            {
                timeout.Token.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(connection.IsClosing, typeof(RedisStore));
                try
                {
                    RedisScript used = connection.IsCluster ? script.InCluster : script;
                    IServer server = Primary(keys[0], name, out int database);
                    long before = await ConnectionOfAsync(server).WaitAsync(timeout.Token).ConfigureAwait(false);
                    sent = true;
                    object[] words = [asText ? used.Source : used.Sha1, keys.Length, .. keys, .. arguments];

                    // It must run here or not at all: WAIT would be answered immediately by a server that the client was sent away from.
                    RedisResult reply = await server.ExecuteAsync(database, asText ? "EVAL" : "EVALSHA", words, CommandFlags.NoRedirect).WaitAsync(timeout.Token).ConfigureAwait(false);
                    return (new RedisReply(reply), await WaitAsync(server, before, name, timeout.Token).ConfigureAwait(false));
                }
                catch (Exception e) when (e is RedisException or RedisTimeoutException or RedisCommandException or ObjectDisposedException)
                {
                    CallFailure failure = RedisFailures.Judge(e, name);
                    if (failure.IsConnection) connection.RequestTopologyRefresh();
                    if (failure.Kind == FailureKind.Final && !(e is not RedisServerException && !sent)) throw failure.Exception!;
                    sent = false;
                    asText = failure.Kind == FailureKind.NoScript;
                    if (asText) continue;
                    refusal = failure.Reason;
                }
                catch (LatchworkStoreException e) when (!sent && e is { IsTransient: true, Outcome: StoreOutcome.NotApplied })
                {
                    refusal = e.Message;
                    connection.RequestTopologyRefresh();
                }

                await Task.Delay(_pause, TimeProvider.System, timeout.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw sent ? RedisFailures.NoReply(name, connection.CommandTimeout) : RedisFailures.NotSent(name, connection.CommandTimeout, connection.LastError ?? refusal);
        }
    }

    private async Task<LatchworkStoreException?> WaitAsync(IServer server, long before, string name, CancellationToken cancellationToken)
    {
        long replicas;
        string? refused = null;
        try
        {
            // Each reply is awaited: what is sent is in the order of the connection then, whatever the client does in between.
            RedisResult waited = await server.ExecuteAsync("WAIT", replication.Replicas, (long)replication.Timeout.TotalMilliseconds).WaitAsync(cancellationToken).ConfigureAwait(false);
            replicas = new RedisReply(waited).Number;
            long after = await ConnectionOfAsync(server).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (before != after) throw Unknown(name, null);
        }
        catch (RedisServerException e)
        {
            replicas = 0;
            refused = e.Message;
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException or RedisCommandException or ObjectDisposedException)
        {
            throw Unknown(name, e);
        }

        if (refused is not null) return NotReplicated($"the replicas could not be waited for: {refused}");
        return replicas >= replication.Replicas ? null : NotReplicated(string.Create(
            CultureInfo.InvariantCulture,
            $"{replicas} of {replication.Replicas} replicas have confirmed it within {Durations.Text(replication.Timeout)}."));
    }

    private static async Task<long> ConnectionOfAsync(IServer server) =>
        new RedisReply(await server.ExecuteAsync("CLIENT", "ID").ConfigureAwait(false)).Number;

    private IServer Primary(RedisKey key, string name, out int database)
    {
        if (connection.Link is not { Replicated: { } multiplexer } link) throw connection.NotSent(name);
        database = link.Database.Database;
        return (connection.IsCluster ? MultiplexerLink.OwnerOf(multiplexer, key) : MultiplexerLink.PrimaryOf(multiplexer))
            ?? throw RedisFailures.NotSent(name, connection.CommandTimeout, "no primary is connected");
    }

    private static LatchworkStoreException Unknown(string name, Exception? inner) => RedisFailures.Transient(
        $"The connection was lost while the replicas were waited for; the {name} was applied, but may be lost again.", StoreOutcome.Unknown, inner);

    private static LatchworkStoreException NotReplicated(string why) => new(
        $"It was written, but a failover now could lose it: {why}", StoreOutcome.NotReplicated);
}
