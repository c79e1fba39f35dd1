using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchwork.Redis.Connections;

/// <summary>
/// One connection for everything: commands are pipelined on it, and messages arrive on it. It has two threads of its own, so it works
/// while the thread pool does not: one connects, reads and looks at deadlines; the other writes. After a loss it reconnects until it is
/// disposed; see <see cref="CommandPipeline.Detach"/> for what that means to the commands under way.
/// </summary>
internal sealed class RedisConnection : IRedisConnection
{
    private readonly RedisOptions _options;
    private readonly CommandLimits _limits;
    private readonly CommandPipeline _pipeline;
    private readonly SubscriptionTable _subscriptions = new();
    private readonly ConnectionLoop _loop;
    private readonly Action<Exception> _onCallbackFailed;

    private readonly byte[]? _wait;

    private RedisConnection(RedisOptions options, RedisReplication? replication, IClusterLink? link = null)
    {
        _wait = WaitOf(replication);
        _options = options;
        Description = options.ToString();
        ILogger logger = options.LoggerFactory?.CreateLogger("Latchwork.Redis") ?? NullLogger.Instance;
        _limits = new CommandLimits(options.MaxQueuedCommands, options.MaxQueuedBytes, options.CommandTimeout);
        _pipeline = new CommandPipeline(_limits);
        _onCallbackFailed = e => RedisLog.CallbackFailed(logger, Description, e);
        var replies = new ReplyHandler(_pipeline, _subscriptions, Description, logger, link);
        IServerFinder finder = options.SentinelService is null ? new FixedServers(options) : new SentinelFinder(options, logger);
        _loop = new ConnectionLoop(options, _limits, _pipeline, _subscriptions, replies, finder, logger, link);
    }

    /// <summary><c>WAIT</c>, as it is sent behind a script; null if none is.</summary>
    public static byte[]? WaitOf(RedisReplication? replication) => replication is null ? null : RespWriter.Words(
        "WAIT",
        replication.Replicas.ToString(CultureInfo.InvariantCulture),
        ((long)replication.Timeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)).Span.ToArray();

    /// <summary>Makes the connection to one member of a cluster. Once started it tries until it is closed.</summary>
    /// <param name="options">The settings for this member.</param>
    /// <param name="link">The cluster.</param>
    public static RedisConnection ToMember(RedisOptions options, IClusterLink link) => new(options, null, link);

    /// <summary>Begins to connect to a member of a cluster.</summary>
    public void Start() => _loop.Start();

    /// <summary>Ends when the first connection stands, or with the reason why it does not.</summary>
    public Task Connected => _loop.Connected;

    /// <summary>Whether there is a connection now.</summary>
    public bool IsConnected => _loop.IsConnected;

    /// <summary>Puts a command at the end of the line; one that is not taken stays the caller's.</summary>
    /// <returns>Whether the connection still takes commands.</returns>
    /// <exception cref="LatchworkStoreException">Too many commands wait; this one was not applied.</exception>
    public bool Offer(PendingCommand command) => _pipeline.Offer(command);

    /// <summary>Takes no more commands, and closes when those that were written are answered, or after a second, or a quarter of it if it was replaced.</summary>
    /// <param name="reason">Why, for messages.</param>
    /// <param name="isReplaced">Whether another member is in its place.</param>
    /// <returns>The commands that another member of the cluster may do.</returns>
    public IReadOnlyList<PendingCommand> BeginClose(string reason, bool isReplaced)
    {
        _loop.BeginClose(reason, isReplaced);
        return _pipeline.TakeRoutable();
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public long Reconnects => _loop.Reconnects;

    /// <summary>Connects once; a failure is thrown, not retried.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <param name="replication">Lets <c>WAIT</c> follow each script; the result is then a list of both replies (see <see cref="ReplicatedWriter"/>).</param>
    /// <exception cref="ArgumentException">Settings are wrong; all of them are named.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or cannot be worked with.</exception>
    public static async Task<RedisConnection> ConnectAsync(
        RedisOptions options, CancellationToken cancellationToken, RedisReplication? replication = null)
    {
        options = options.CheckedCopy();
        cancellationToken.ThrowIfCancellationRequested();
        var connection = new RedisConnection(options, replication);
        connection._loop.Start();
        try
        {
            // The loop keeps to the connect timeout by itself, except while the system resolves the host's name.
            await connection._loop.Connected.WaitAsync(options.ConnectTimeout + TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (Exception e)
        {
            connection._loop.BeginClose();
            if (e is TimeoutException)
            {
                throw new LatchworkStoreException(
                    $"Cannot connect to {options} within {RedisErrors.Text(options.ConnectTimeout)} (the connect timeout).", StoreOutcome.NotApplied, e)
                { IsTransient = true };
            }

            throw;
        }
    }

    /// <summary>Called on the connection's thread after each reconnect. It must return at once.</summary>
    public Action? OnReconnected { set => _loop.OnConnected = value is null ? null : _ => value(); }

    /// <summary>Sends a command that is no script and has no secrets in it. The result is as that of a script.</summary>
    public ValueTask<RedisReply> SendAsync(string[] words, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<RedisReply>(cancellationToken);
        return Submit(
            new PendingCommand(CommandKind.Plain, RespWriter.Words(words), Deadline())
            {
                Words = string.Join(' ', words),
                OnCallbackFailed = _onCallbackFailed,
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<RedisReply> EvaluateAsync(RedisScript script, ReadOnlySpan<RedisArgument> keys, ReadOnlySpan<RedisArgument> arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(script);
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<RedisReply>(cancellationToken);
        CommandBytes bytes = RespWriter.EvalSha(script, keys, arguments);
        return Submit(
            new PendingCommand(CommandKind.Evaluate, _wait is null ? bytes : RespWriter.Join(bytes, _wait), Deadline())
            {
                Script = script,
                HasWait = _wait is not null,
                OnCallbackFailed = _onCallbackFailed,
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IAsyncDisposable> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        ArgumentNullException.ThrowIfNull(onMessage);
        ArgumentNullException.ThrowIfNull(onRestored);
        cancellationToken.ThrowIfCancellationRequested();
        var subscription = new Subscription(channel, onMessage, onRestored, End);
        PendingCommand command;
        try
        {
            lock (_subscriptions.Gate)
            {
                command = new PendingCommand(CommandKind.Subscribe, _subscriptions.Subscribe(channel), Deadline())
                {
                    Channel = channel,
                    OnSubscribed = () => subscription.IsEstablished = true,
                    OnCallbackFailed = _onCallbackFailed,
                };
                command.CancelWith(cancellationToken);
                _subscriptions.Add(subscription);
                _pipeline.Submit(command);
            }

            await command.Task.ConfigureAwait(false);
            return subscription;
        }
        catch
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Takes no more commands, waits for those under way, but at most a second, and closes. What is still unanswered then fails.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        _loop.BeginClose();
        await _loop.Ended.ConfigureAwait(false);
    }

    private ValueTask<RedisReply> Submit(PendingCommand command, CancellationToken cancellationToken)
    {
        command.CancelWith(cancellationToken);
        try
        {
            _pipeline.Submit(command);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            command.Fail(e);
        }

        return command.Task;
    }

    private long Deadline() => Environment.TickCount64 + (long)_options.CommandTimeout.TotalMilliseconds;

    private void End(Subscription subscription)
    {
        lock (_subscriptions.Gate)
        {
            if (!_subscriptions.Remove(subscription))
                return;
            _pipeline.SubmitUnlessClosing(_subscriptions.Unsubscribe(subscription.Channel, Deadline()));
        }
    }
}
