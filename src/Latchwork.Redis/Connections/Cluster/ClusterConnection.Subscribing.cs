namespace Latchwork.Redis.Connections.Cluster;

/// <content>Subscriptions: always at the primary that owns the slot of the channel, because the scripts count who is reached there.</content>
internal sealed partial class ClusterConnection
{
    private readonly HashSet<ClusterSubscription> _subscriptions = [];

    /// <summary>Whether channels are plain ones even where there are sharded ones, as before Redis 7. All clients of a cluster must do the same.</summary>
    internal bool UsesPlainChannels => _options.UsesPlainChannels;

    /// <inheritdoc/>
    public async ValueTask<IAsyncDisposable> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        ArgumentNullException.ThrowIfNull(onMessage);
        ArgumentNullException.ThrowIfNull(onRestored);
        cancellationToken.ThrowIfCancellationRequested();
        var subscription = new ClusterSubscription(this, channel, onMessage, onRestored);
        lock (_subscriptions)
            _subscriptions.Add(subscription);
        try
        {
            // Nothing may be awaited before the command is in the line: a script that is evaluated next must come behind it.
            await subscription.BeginAsync(Deadline(), cancellationToken).ConfigureAwait(false);
            return subscription;
        }
        catch
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Hears that a member sends nothing over a channel any more. On the thread of its connection.</summary>
    internal void OnChannelLost(ClusterNode node, string channel)
    {
        ClusterSubscription[] lost;
        lock (_subscriptions)
            lost = [.. _subscriptions.Where(subscription => subscription.Channel == channel)];
        if (lost.Length > 0)
            _watch.AskSoon(); // It may have become a replica, which takes subscriptions, too, but is not where the scripts count who listens.
        foreach (ClusterSubscription subscription in lost)
            subscription.OnLost(node);
    }

    /// <summary>Whether the cluster is closed, or about to be.</summary>
    internal bool IsClosing => _closing;

    /// <summary>The primary that owns a slot, as far as is known; null if none does.</summary>
    internal ClusterNode? TryNodeOf(int slot) => OwnerOf(slot);

    /// <summary>The same.</summary>
    /// <exception cref="ObjectDisposedException">The cluster is closed.</exception>
    internal ClusterNode? NodeOf(int slot) => _closing ? throw new ObjectDisposedException(nameof(RedisStore)) : OwnerOf(slot);

    /// <summary>The member to which another one has sent a subscription; null if there is none.</summary>
    internal ClusterNode? NodeNamedBy(ClusterNode node, LatchworkStoreException error)
    {
        if (error.InnerException is not RedisServerException refused || ClusterRefusal.Parse(refused.Message, node.Endpoint) is not { } refusal)
            return null;
        _watch.AskSoon();
        return refusal is { Kind: ClusterRefusalKind.Moved, Target: { } target } ? NodeAt(target) : null;
    }

    /// <summary>A pause that needs no thread of the pool.</summary>
    internal ValueTask<RedisReply> PauseAsync(long milliseconds) => _clock.Pause(milliseconds);

    internal void OnResubscribeFailed(Exception error) => RedisLog.ClusterResubscribeFailed(_logger, Description, error.Message);

    internal void OnCallbackFailed(Exception error) => _onCallbackFailed(error);

    internal void Remove(ClusterSubscription subscription)
    {
        lock (_subscriptions)
            _subscriptions.Remove(subscription);
    }

    // Slots may have moved.
    private void MoveSubscriptions()
    {
        ClusterSubscription[] all;
        lock (_subscriptions)
            all = [.. _subscriptions];
        foreach (ClusterSubscription subscription in all)
            subscription.Check();
    }
}
