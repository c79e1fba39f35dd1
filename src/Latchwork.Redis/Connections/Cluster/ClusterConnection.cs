using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchwork.Redis.Connections.Cluster;

/// <summary>
/// A Redis Cluster as one connection: one <see cref="RedisConnection"/> for each primary, and each script goes to the one that owns the slot
/// of its keys. A member that did nothing says so and why (<c>MOVED</c>, <c>ASK</c>, <c>TRYAGAIN</c>, <c>CLUSTERDOWN</c>), and what was not
/// yet written to one that is lost was not done either; such a script is sent on, at once or after a pause, until its time is up. One that was
/// written when a connection broke has an unknown outcome and is never repeated here.
/// </summary>
internal sealed partial class ClusterConnection : IRedisConnection
{
    private const int MostHops = 5;
    private const long LeastTimeLeft = 30;
    private static readonly TimeSpan _keepNamed = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _keepNewPrimary = TimeSpan.FromSeconds(2);
    private readonly RedisOptions _options;
    private readonly ILogger _logger;
    private readonly byte[]? _wait;
    private readonly Action<Exception> _onCallbackFailed;
    private readonly ClusterWatch _watch;
    private readonly RetryClock _clock = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<RedisEndpoint, ClusterNode> _nodes = [];
    private readonly List<Task> _ending = [];
    private volatile ClusterNode?[] _routes = new ClusterNode?[HashSlot.Count];
    private volatile ClusterNode[] _primaries = [];
    private volatile bool _closing;
    private TaskCompletionSource? _nextMap;
    private long _reconnectsOfEnded;
    private long _waitingBytes; // Of the commands that wait for the clock.

    private ClusterConnection(RedisOptions options, RedisReplication? replication)
    {
        _options = options;
        _logger = options.LoggerFactory?.CreateLogger("Latchwork.Redis") ?? NullLogger.Instance;
        _wait = RedisConnection.WaitOf(replication);
        _onCallbackFailed = e => RedisLog.CallbackFailed(_logger, Description, e);
        _watch = new ClusterWatch(options, OnMap, () => Array.Exists(_primaries, node => !node.Connection.IsConnected), _logger);
    }

    /// <inheritdoc/>
    public string Description => _options.ToString();

    /// <inheritdoc/>
    public long Reconnects
    {
        get
        {
            lock (_gate)
                return _reconnectsOfEnded + _nodes.Values.Sum(node => node.Connection.Reconnects);
        }
    }

    /// <summary>The connections to the primaries, in the order of their slots.</summary>
    public IReadOnlyList<RedisConnection> Primaries => Array.ConvertAll(_primaries, node => node.Connection);

    /// <summary>Waits until a member has said anew who owns which slots.</summary>
    /// <exception cref="LatchworkStoreException">None did in time.</exception>
    /// <exception cref="ObjectDisposedException">The connection is closed.</exception>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        Task next;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
            next = (_nextMap ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        _watch.AskSoon();
        try
        {
            await next.WaitAsync(_options.CommandTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new LatchworkStoreException(
                $"No member of {Description} told its slots within {RedisErrors.Text(_options.CommandTimeout)} (the command timeout).", StoreOutcome.NotApplied, e)
            { IsTransient = true };
        }
    }

    /// <summary>Called when a primary is new, or was connected to anew; on a thread of the connection. It must return at once.</summary>
    public Action<RedisConnection>? OnPrimary { get; set; }

    /// <summary>Connects to all primaries; one at least must answer.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <param name="replication">Lets <c>WAIT</c> follow each script; the result is then a list of both replies (see <see cref="ReplicatedWriter"/>).</param>
    /// <exception cref="ArgumentException">Settings are wrong; all of them are named.</exception>
    /// <exception cref="LatchworkStoreException">No member can be reached, or they refuse, or cannot be worked with.</exception>
    public static async Task<ClusterConnection> ConnectAsync(RedisOptions options, CancellationToken cancellationToken, RedisReplication? replication = null)
    {
        options = options.CheckedCopy();
        cancellationToken.ThrowIfCancellationRequested();
        var connection = new ClusterConnection(options, replication);
        connection._clock.Start();
        connection._watch.Start();
        try
        {
            long start = Environment.TickCount64;
            await connection._watch.First.WaitAsync(options.ConnectTimeout + TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
            var left = TimeSpan.FromMilliseconds(Math.Max(1000, options.ConnectTimeout.TotalMilliseconds - (Environment.TickCount64 - start)));
            await connection.ConnectedAsync(left, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (Exception e)
        {
            connection.BeginClose();
            if (e is TimeoutException)
            {
                throw new LatchworkStoreException(
                    $"Cannot connect to {options} within {RedisErrors.Text(options.ConnectTimeout)} (the connect timeout).", StoreOutcome.NotApplied, e)
                { IsTransient = true };
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<RedisReply> EvaluateAsync(RedisScript script, ReadOnlySpan<RedisArgument> keys, ReadOnlySpan<RedisArgument> arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(script);
        if (keys.Length == 0)
            throw new ArgumentException($"In a cluster a script needs a key, by which its server is found; '{script.Name}' has none.", nameof(keys));
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<RedisReply>(cancellationToken);
        int slot = SlotOf(keys[0]);
        foreach (ref readonly RedisArgument key in keys[1..])
        {
            if (SlotOf(key) != slot)
                throw new ArgumentException($"In a cluster all keys of a script must be in one slot; those of '{script.Name}' are not.", nameof(keys));
        }

        script = UsesPlainChannels ? script : script.InCluster;
        CommandBytes bytes = RespWriter.EvalSha(script, keys, arguments);
        var command = new PendingCommand(CommandKind.Evaluate, _wait is null ? bytes : RespWriter.Join(bytes, _wait), Deadline())
        {
            Script = script,
            Slot = slot,
            HasWait = _wait is not null,
            OnCallbackFailed = _onCallbackFailed,
        };
        command.CancelWith(cancellationToken);
        Route(command);
        return command.Task;
    }

    /// <summary>Takes no more commands, waits for those under way, but at most a second, and closes. What is still unanswered then fails.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] ending = BeginClose();
        await Task.WhenAll(ending).ConfigureAwait(false);
    }

    /// <summary>Sends a command on that a member did not do. On the thread of that member's connection.</summary>
    /// <returns>Whether it is the cluster's now.</returns>
    internal bool TakeRefused(ClusterNode node, PendingCommand command, string error)
    {
        if (ClusterRefusal.Parse(error, node.Endpoint) is not { } refusal)
            return false;
        command.Refusal = $"{node.Endpoint} said: {error}";
        if (refusal.Kind is ClusterRefusalKind.Moved or ClusterRefusalKind.Down)
            _watch.AskSoon();
        if (refusal.Target is { } target && !command.IsSettled && command.Hops++ < MostHops)
        {
            command.Ask(refusal.Kind == ClusterRefusalKind.Ask);
            if (NodeAt(target) is { } other && TrySend(other, command))
                return true;
        }

        Wait(command);
        return true;
    }

    /// <summary>Takes what was not written to a member that is lost.</summary>
    internal void TakeUnsent(IReadOnlyList<PendingCommand> commands, string trouble)
    {
        foreach (PendingCommand command in commands)
        {
            command.Refusal = $"there is no connection ({trouble})";
            Wait(command);
        }
    }

    internal void OnTrouble() => _watch.AskSoon();

    internal void OnConnected(ClusterNode node) => OnPrimary?.Invoke(node.Connection);

    /// <summary>Who owns a slot, as far as is known.</summary>
    private ClusterNode? OwnerOf(int slot) => _routes[slot];

    private static int SlotOf(in RedisArgument key) => key.Kind switch
    {
        RedisArgumentKind.Bytes => HashSlot.Of(key.Bytes.Span),
        RedisArgumentKind.Number => throw new ArgumentException("A key must be text or bytes.", nameof(key)),
        _ => HashSlot.Of(key.Text ?? ""),
    };

    private long Deadline() => Environment.TickCount64 + (long)_options.CommandTimeout.TotalMilliseconds;

    private void Route(PendingCommand command)
    {
        if (OwnerOf(command.Slot) is { } node)
        {
            if (TrySend(node, command))
                return;
        }
        else
        {
            command.Refusal ??= "no member of the cluster owns its slot";
            _watch.AskSoon();
        }

        Wait(command);
    }

    /// <returns>Whether it is done with; if not, the member was dropped in this moment.</returns>
    private static bool TrySend(ClusterNode node, PendingCommand command)
    {
        try
        {
            return node.Connection.Offer(command);
        }
        catch (LatchworkStoreException e)
        {
            command.Fail(e); // The line is full.
            return true;
        }
    }

    // The pauses grow from 2 ms to 100 ms.
    private void Wait(PendingCommand command)
    {
        long now = Environment.TickCount64;
        if (command.IsSettled || command.Deadline <= now || _closing)
        {
            End(command);
            return;
        }

        int length = command.Bytes.Length;
        int waiting = _clock.Count;
        if (waiting > 0 && (waiting >= _options.MaxQueuedCommands || Interlocked.Read(ref _waitingBytes) + length > _options.MaxQueuedBytes))
        {
            command.Release();
            command.Fail(RedisErrors.LineIsFull(command, new CommandLimits(_options.MaxQueuedCommands, _options.MaxQueuedBytes, _options.CommandTimeout), command.Refusal));
            return;
        }

        long pause = Math.Min(100, 2L << Math.Min(command.Waits++, 6));
        Interlocked.Add(ref _waitingBytes, length);
        _clock.At(Math.Min(now + pause, command.Deadline), goesOn =>
        {
            Interlocked.Add(ref _waitingBytes, -length);
            // Sent in the last moment it would have no answer in time, and an unknown outcome for nothing.
            if (!goesOn || command.IsSettled || command.Deadline - Environment.TickCount64 < LeastTimeLeft)
            {
                End(command);
                return;
            }

            command.Hops = 0;
            command.Ask(false);
            Route(command);
        });
    }

    private void End(PendingCommand command)
    {
        command.Release();
        command.Fail(_closing ? RedisErrors.ClosedBeforeSending(command) : RedisErrors.ClusterRefused(command, _options.CommandTimeout));
    }

    private async Task ConnectedAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        Task[] connecting = Array.ConvertAll(_primaries, node => node.Connection.Connected);
        if (connecting.Length == 0)
            throw new LatchworkStoreException($"Cannot use {Description}: its members say that nobody owns any slots.", StoreOutcome.NotApplied) { IsTransient = true };
        try
        {
            await Task.WhenAll(connecting).WaitAsync(timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or TimeoutException && Array.Exists(connecting, task => task.IsCompletedSuccessfully))
        {
            // One that is in trouble for the moment is no reason not to start: its replica may be about to take its place.
        }
    }

    private Task[] BeginClose()
    {
        ClusterNode[] nodes;
        Task[] ending;
        lock (_gate)
        {
            _closing = true;
            _nextMap?.TrySetException(new ObjectDisposedException(nameof(RedisStore)));
            nodes = [.. _nodes.Values];
            ending = [.. _ending];
            _nodes.Clear();
        }

        _watch.BeginClose();
        _clock.Close();
        foreach (ClusterNode node in nodes)
            TakeUnsent(node.Connection.BeginClose("the store was closed", isReplaced: false), "the store was closed");
        return [.. nodes.Select(node => node.Connection.DisposeAsync().AsTask()), .. ending, Task.Run(_watch.Dispose)];
    }
}
