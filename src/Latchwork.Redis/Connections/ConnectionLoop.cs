using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Connections;

/// <summary>The life of the connection, on a thread of its own: connect, read until it breaks, connect again.</summary>
internal sealed class ConnectionLoop(
    RedisOptions options, CommandLimits limits, CommandPipeline pipeline, SubscriptionTable subscriptions, ReplyHandler replies, IServerFinder finder,
    ILogger logger, IClusterLink? link = null)
{
    private static readonly TimeSpan _closeGrace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _suspicion = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _leaveGrace = TimeSpan.FromMilliseconds(250);
    private readonly string _server = options.ToString();
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ServerConnector _connector = new(options);
    private readonly object _gate = new();
    private RedisEndpoint? _endpoint; // Of the connection that stands or is being made.
    private RedisTransport? _transport;
    private volatile RedisEndpoint? _movedTo;
    private Thread? _writer;
    private string _closeReason = "";
    private long _closeBy = long.MaxValue;
    private long _leaveBy = long.MaxValue;
    private bool _closing;
    private bool _wasConnected;
    private volatile bool _isConnected;
    private long _reconnects;

    /// <summary>Ends when the first connection stands, or with the reason why it does not.</summary>
    public Task Connected => _connected.Task;

    /// <summary>Whether there is a connection now.</summary>
    public bool IsConnected => _isConnected;

    /// <summary>How often the connection was made anew.</summary>
    public long Reconnects => Interlocked.Read(ref _reconnects);

    /// <summary>Ends when nothing of the connection is left.</summary>
    public Task Ended => _ended.Task;

    private bool IsClosing => Volatile.Read(ref _closing);

    /// <summary>Called on the loop's thread each time a connection stands. It must return at once.</summary>
    public Action<ServerInfo>? OnConnected { get; set; }

    public void Start()
    {
        finder.OnMoved = OnMoved;
        _writer = new Thread(pipeline.RunWriter) { IsBackground = true, Name = "Latchwork Redis writer" };
        _writer.Start();
        new Thread(Run) { IsBackground = true, Name = "Latchwork Redis reader" }.Start();
    }

    /// <summary>Takes no more commands and ends the connection when those under way are done, or after a second.</summary>
    /// <param name="reason">Why, for messages.</param>
    /// <param name="isReplaced">Whether another server is in its place, so that it is waited for only briefly.</param>
    public void BeginClose(string reason = "the store was closed", bool isReplaced = false)
    {
        pipeline.BeginClose();
        lock (_gate)
        {
            if (_closing)
                return;
            _closeReason = reason;
            _closeBy = Environment.TickCount64 + (long)(isReplaced ? _leaveGrace : _closeGrace).TotalMilliseconds;
            Volatile.Write(ref _closing, true);
            Monitor.PulseAll(_gate);

            // The reader waits for bytes, and there will be none. Otherwise it sees for itself.
            if (pipeline.IsEmpty || !_wasConnected)
                _transport?.Abort();
        }
    }

    private void Run()
    {
        try
        {
            int attempt = 0;
            while (!IsClosing)
            {
                attempt = RunOnce(attempt) ? 0 : attempt + 1;
                if (_connected.Task.IsFaulted && link is null)
                    break;
                if (attempt > 0)
                    Pause(ReconnectDelay.Before(attempt));
            }
        }
        finally
        {
            finder.Dispose();
            // A script that its server did not know may have come back into the line after the others were taken out of it.
            HandOver(_closeReason);
            pipeline.Close();
            _writer!.Join();
            _connected.TrySetException(new ObjectDisposedException(nameof(RedisStore)));
            _ = _connected.Task.Exception; // Nobody may be waiting any more.
            _ended.SetResult();
        }
    }

    // One connection from first to last. Returns whether it was of use for a while.
    private bool RunOnce(int attempt)
    {
        LiveServer? server = null;
        try
        {
            try
            {
                long deadline = Environment.TickCount64 + (long)options.ConnectTimeout.TotalMilliseconds;
                server = _connector.Connect(finder.Candidates(deadline, () => IsClosing), _connected.Task.IsCompleted ? attempt : null, deadline, Register);
                ThrowIfMoved(server.Endpoint);
            }
            catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
            {
                OnConnectFailed(e, attempt);
                return _movedTo is not null; // Then there is somewhere else to go, at once.
            }

            long since = Environment.TickCount64;
            finder.OnFound(server.Endpoint);
            RedisLog.Connected(logger, options.Describe(server.Endpoint), server.Info.Product, server.Info.Version);
            server.Transport.SetTimeouts(limits.Tick, limits.Silence);
            Attach(server);
            OnConnected?.Invoke(server.Info);
            string reason = ReadUntilBroken(server.Transport, server.Input);
            _isConnected = false;
            server.Transport.Abort();
            if (!IsClosing)
                RedisLog.Lost(logger, options.Describe(server.Endpoint), reason);
            pipeline.Detach(reason);
            HandOver(reason);
            return _movedTo is not null || Environment.TickCount64 - since >= ReconnectDelay.UsefulLife;
        }
        finally
        {
            _isConnected = false;
            lock (_gate)
            {
                _transport = null;
                _endpoint = null;
                _movedTo = null;
                _leaveBy = long.MaxValue;
            }

            server?.Dispose();
            finder.OnLost();
        }
    }

    private void Attach(LiveServer server)
    {
        lock (subscriptions.Gate)
        {
            subscriptions.IsSharded = link is not null && server.Info.HasShardedChannels && !options.UsesPlainChannels;
            pipeline.Attach(
                server.Transport,
                Thread.CurrentThread,
                subscriptions.Channels().Select(channel =>
                    new PendingCommand(CommandKind.Resubscribe, subscriptions.Subscribe(channel), long.MaxValue) { Channel = channel }),
                command =>
                {
                    if (command.Kind == CommandKind.Subscribe)
                        command.ReplaceBytes(subscriptions.Subscribe(command.Channel!));
                });
        }

        _isConnected = true;
        if (_wasConnected)
            Interlocked.Increment(ref _reconnects);
        lock (_gate)
            _wasConnected = true;
        _connected.TrySetResult();
        link?.OnConnected();
    }

    // What another member of the cluster may do is not kept waiting for this one.
    private void HandOver(string trouble)
    {
        if (link is null)
            return;
        link.TakeUnsent(pipeline.TakeRoutable(), trouble);
        link.OnTrouble();
    }

    private void OnConnectFailed(Exception error, int attempt)
    {
        LatchworkStoreException failure = error as LatchworkStoreException ?? new LatchworkStoreException(
            $"Cannot connect to {_server}: {error.Message}", StoreOutcome.NotApplied, error)
        { IsTransient = true };
        if (_connected.TrySetException(failure) && link is null)
            return;
        HandOver(failure.Message);
        if (pipeline.Trouble != failure.Message && !IsClosing)
            RedisLog.ReconnectFailed(logger, _server, attempt + 1, failure.Message);
        pipeline.Trouble = failure.Message;
    }

    private void Register(RedisEndpoint endpoint, RedisTransport transport)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
            _endpoint = endpoint;
            _transport = transport;
        }
    }

    // On a thread of the finder. What was written to a primary that still answers gets its replies first.
    private void OnMoved(RedisEndpoint primary)
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
            if (_endpoint is null || _endpoint == primary)
                return;
            _movedTo = primary;
            _leaveBy = Environment.TickCount64 + (long)_leaveGrace.TotalMilliseconds;
            if (!pipeline.TryRetire(_transport!, $"the primary is {primary} now"))
                _transport!.Abort(); // It is still being made.
        }
    }

    private void ThrowIfMoved(RedisEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_movedTo is { } primary && primary != endpoint)
                throw new LatchworkStoreException($"The primary is no longer {endpoint} but {primary}.", StoreOutcome.NotApplied) { IsTransient = true };
        }
    }

    private void Pause(TimeSpan time)
    {
        lock (_gate)
        {
            if (!_closing)
                Monitor.Wait(_gate, time); // Until the time is over, the primary moves, or the store is closed.
        }
    }

    private string ReadUntilBroken(RedisTransport transport, RespInput input)
    {
        try
        {
            long lastHeard = Environment.TickCount64;
            long nextCheck = 0;
            while (true)
            {
                if (input.Receive())
                {
                    lastHeard = Environment.TickCount64;
                    while (input.TryNext(out RespMessage message))
                        replies.Handle(message);
                }

                long now = Environment.TickCount64;
                if (now >= nextCheck)
                {
                    nextCheck = now + (long)limits.Tick.TotalMilliseconds;
                    CheckDeadlines(transport, now - lastHeard);
                }

                pipeline.FlushFromReader();
                if (IsClosing && (pipeline.IsEmpty || now >= _closeBy))
                    return _closeReason;
                if (pipeline.IsRetired || now >= Volatile.Read(ref _leaveBy))
                    return pipeline.RetireReason;
            }
        }
        catch (RedisProtocolException e)
        {
            return $"the server broke the protocol: {e.Message}";
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return e.Message;
        }
    }

    private void CheckDeadlines(RedisTransport transport, long silentFor)
    {
        pipeline.ExpireWaiting(); // The writer does so, too, unless it is stuck in a write.
        if (transport.HasData)
            return; // This process was paused, perhaps: what has arrived is not late.
        TimeSpan oldest = pipeline.ExpireWritten();
        if (oldest > _suspicion && silentFor > _suspicion.TotalMilliseconds)
            link?.OnTrouble();
        if (oldest > limits.Silence && silentFor > limits.Silence.TotalMilliseconds)
            throw new IOException($"the server owes replies and has sent nothing for {RedisErrors.Text(limits.Silence)}");
    }
}
