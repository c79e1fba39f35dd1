namespace Latchwork.Redis.Connections.Cluster;

/// <summary>
/// One subscriber of one channel, which follows the channel's slot from primary to primary. One run at a time brings it to where it belongs;
/// whoever finds that it belongs elsewhere meanwhile has that run look again.
/// </summary>
internal sealed class ClusterSubscription(ClusterConnection cluster, string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored) : IAsyncDisposable
{
    private const int MostHops = 5;
    private static readonly RedisEndpoint _nowhere = new("", 0);
    private readonly int _slot = HashSlot.Of(channel);
    private readonly Lock _gate = new();
    private ClusterNode? _node; // Where it stands; null if nowhere.
    private IAsyncDisposable? _inner; // Its part there.
    private bool _isRunning;
    private bool _lookAgain;
    private bool _ended;

    public string Channel => channel;

    /// <summary>Makes the subscription. The command is in the line when this returns, if the owner of the slot is known.</summary>
    /// <param name="deadline">Until when, on the clock of <see cref="Environment.TickCount64"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LatchworkStoreException">The server refused, or no answer came in time.</exception>
    /// <exception cref="ObjectDisposedException">The cluster is closed.</exception>
    public async ValueTask BeginAsync(long deadline, CancellationToken cancellationToken)
    {
        _isRunning = true;
        await RunAsync(deadline, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Moves it if its slot has moved. Returns at once.</summary>
    public void Check()
    {
        lock (_gate)
        {
            if (_ended)
                return;
            if (_isRunning)
            {
                _lookAgain = true;
                return;
            }

            if (_node is not null && _node == cluster.TryNodeOf(_slot))
                return;
            _isRunning = true;
        }

        _ = FollowAsync();
    }

    /// <summary>Makes it anew if it stood at this member. Returns at once.</summary>
    public void OnLost(ClusterNode node)
    {
        IAsyncDisposable? inner;
        lock (_gate)
        {
            if (_ended || _node != node)
                return;
            inner = _inner;
            (_node, _inner) = (null, null);
            _lookAgain = true;
        }

        _ = inner?.DisposeAsync().AsTask();
        Check();
    }

    public ValueTask DisposeAsync()
    {
        IAsyncDisposable? inner;
        lock (_gate)
        {
            if (_ended)
                return ValueTask.CompletedTask;
            _ended = true;
            inner = _inner;
            (_node, _inner) = (null, null);
        }

        cluster.Remove(this);
        return inner?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private async Task FollowAsync()
    {
        try
        {
            await RunAsync(null, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // The cluster is closed, and there is nothing to follow any more.
        }
    }

    // The one run. Without a deadline it goes on until the subscription stands, or is ended.
    private async ValueTask RunAsync(long? deadline, CancellationToken cancellationToken)
    {
        bool isLate = deadline is null; // Whether messages may have been missed.
        ClusterNode? named = null;
        int waits = 0;
        for (int hops = 0; ; hops++)
        {
            LatchworkStoreException trouble;
            ClusterNode? node = null;
            try
            {
                node = named ?? cluster.NodeOf(_slot);
                bool isGuess = named is null;
                if (node is not null)
                {
                    IAsyncDisposable inner = await node.Connection.SubscribeAsync(channel, onMessage, onRestored, cancellationToken).ConfigureAwait(false);
                    if (!TakePlace(node, inner, isGuess))
                    {
                        (named, isLate) = (null, true);
                        continue;
                    }

                    if (isLate)
                        Restore();
                    return;
                }

                trouble = new LatchworkStoreException("No member of the cluster owns the slot of the channel.", StoreOutcome.NotApplied) { IsTransient = true };
            }
            catch (LatchworkStoreException e)
            {
                trouble = e;
            }
            catch (RedisServerException e)
            {
                trouble = new LatchworkStoreException($"The server refused the subscription. It said: {e.Message}", StoreOutcome.NotApplied, e);
            }
            catch (ObjectDisposedException) when (!cluster.IsClosing)
            {
                trouble = new LatchworkStoreException("The member of the cluster is no primary any more.", StoreOutcome.NotApplied) { IsTransient = true };
            }
            catch
            {
                Stop();
                throw;
            }

            isLate = true;
            named = node is null || hops % MostHops == MostHops - 1 ? null : cluster.NodeNamedBy(node, trouble);
            if (named is not null)
                continue;
            if (deadline is { } end && (IsFinal(trouble) || Environment.TickCount64 >= end))
            {
                Stop();
                throw trouble;
            }

            if (deadline is null && waits == 3)
                cluster.OnResubscribeFailed(trouble);
            await cluster.PauseAsync(Math.Min(500, 5L << Math.Min(waits++, 7))).ConfigureAwait(false);
            if (IsEnded())
                return;
        }
    }

    // A refusal that says nothing of the state of the cluster would be the same anywhere.
    private static bool IsFinal(LatchworkStoreException trouble) =>
        !trouble.IsTransient && trouble.InnerException is RedisServerException error && ClusterRefusal.Parse(error.Message, _nowhere) is null;

    // Puts the new part in the place of the old one. Returns false if the slot has moved on meanwhile.
    private bool TakePlace(ClusterNode node, IAsyncDisposable inner, bool isGuess)
    {
        IAsyncDisposable? former;
        bool stands;
        lock (_gate)
        {
            if (_ended)
            {
                former = inner;
                stands = true;
                _isRunning = false;
            }
            else
            {
                former = _inner;
                (_node, _inner) = (node, inner);
                // A map that is older than the answer of a member that sent it here says nothing.
                stands = !_lookAgain || !isGuess || cluster.TryNodeOf(_slot) == node;
                _lookAgain = false;
                _isRunning = !stands;
            }
        }

        _ = former?.DisposeAsync().AsTask();
        return stands;
    }

    private void Stop()
    {
        lock (_gate)
            _isRunning = false;
    }

    private bool IsEnded()
    {
        lock (_gate)
        {
            if (_ended)
                _isRunning = false;
            return _ended;
        }
    }

    private void Restore()
    {
        try
        {
            onRestored();
        }
#pragma warning disable CA1031 // It is the subscriber's code.
        catch (Exception e)
#pragma warning restore CA1031
        {
            cluster.OnCallbackFailed(e);
        }
    }
}
