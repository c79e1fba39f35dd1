using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Connections;

/// <summary>The life of the connection, on a thread of its own: connect, read until it breaks, connect again.</summary>
internal sealed class ConnectionLoop(
    RedisOptions options, CommandLimits limits, CommandPipeline pipeline, SubscriptionTable subscriptions, ReplyHandler replies, ILogger logger)
{
    private static readonly TimeSpan _closeGrace = TimeSpan.FromSeconds(1);
    private readonly string _server = options.ToString();
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private RedisTransport? _transport;
    private Thread? _writer;
    private long _closeBy = long.MaxValue;
    private bool _closing;

    /// <summary>Ends when the first connection stands, or with the reason why it does not.</summary>
    public Task Connected => _connected.Task;

    /// <summary>Ends when nothing of the connection is left.</summary>
    public Task Ended => _ended.Task;

    private bool IsClosing => Volatile.Read(ref _closing);

    public void Start()
    {
        _writer = new Thread(pipeline.RunWriter) { IsBackground = true, Name = "Latchwork Redis writer" };
        _writer.Start();
        new Thread(Run) { IsBackground = true, Name = "Latchwork Redis reader" }.Start();
    }

    /// <summary>Takes no more commands and ends the connection when those under way are done, or after a second.</summary>
    public void BeginClose()
    {
        pipeline.BeginClose();
        lock (_gate)
        {
            if (_closing)
                return;
            _closeBy = Environment.TickCount64 + (long)_closeGrace.TotalMilliseconds;
            Volatile.Write(ref _closing, true);

            // The reader waits for bytes, and there will be none. Otherwise it sees for itself.
            if (pipeline.IsEmpty || !_connected.Task.IsCompletedSuccessfully)
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
                if (_connected.Task.IsFaulted)
                    break;
                if (attempt > 0 && !IsClosing)
                    pipeline.Pause(ReconnectDelay.Before(attempt));
            }
        }
        finally
        {
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
        RespInput? input = null;
        RedisTransport? transport = null;
        try
        {
            ServerInfo server;
            try
            {
                long deadline = Environment.TickCount64 + (long)options.ConnectTimeout.TotalMilliseconds;
                transport = Connect(deadline);
                input = new RespInput(transport);
                server = new RedisHandshake(options, transport, input, deadline).Run();
            }
            catch (Exception e) when (e is LatchworkStoreException or IOException or SocketException or ObjectDisposedException)
            {
                OnConnectFailed(e, attempt);
                return false;
            }

            long since = Environment.TickCount64;
            RedisLog.Connected(logger, _server, server.Product, server.Version);
            transport.SetTimeouts(limits.Tick, limits.Silence);
            pipeline.Attach(transport, Thread.CurrentThread, subscriptions.Channels().Select(channel =>
                new PendingCommand(CommandKind.Resubscribe, RespWriter.Words("SUBSCRIBE", channel), long.MaxValue) { Channel = channel }));
            _connected.TrySetResult();
            string reason = ReadUntilBroken(transport, input);
            transport.Abort();
            if (!IsClosing)
                RedisLog.Lost(logger, _server, reason);
            pipeline.Detach(reason);
            return Environment.TickCount64 - since >= ReconnectDelay.UsefulLife;
        }
        finally
        {
            lock (_gate)
                _transport = null;
            input?.Dispose();
            transport?.Dispose();
        }
    }

    private void OnConnectFailed(Exception error, int attempt)
    {
        LatchworkStoreException failure = error as LatchworkStoreException ?? new LatchworkStoreException(
            $"Cannot connect to {_server}: {error.Message}", StoreOutcome.NotApplied, error)
        { IsTransient = true };
        if (_connected.TrySetException(failure))
            return;
        if (pipeline.Trouble != failure.Message && !IsClosing)
            RedisLog.ReconnectFailed(logger, _server, attempt + 1, failure.Message);
        pipeline.Trouble = failure.Message;
    }

    private SocketTransport Connect(long deadline)
    {
        EndPoint[] addresses = options.UnixSocketPath is { } path
            ? [new UnixDomainSocketEndPoint(path)]
            : [.. Dns.GetHostAddresses(options.Host).Select(address => new IPEndPoint(address, options.Port))];
        SocketException failure = new((int)SocketError.HostNotFound);
        foreach (EndPoint address in addresses)
        {
            SocketTransport transport = SocketTransport.Create(address);
            try
            {
                lock (_gate)
                {
                    ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
                    _transport = transport;
                }

                // A second try finds a server that came back; waiting long for the first would not.
                TimeSpan timeout = TimeSpan.FromMilliseconds(Math.Max(1, deadline - Environment.TickCount64));
                transport.Connect(address, _connected.Task.IsCompleted && timeout > ReconnectDelay.LongestConnect ? ReconnectDelay.LongestConnect : timeout);
                return transport;
            }
            catch (SocketException e)
            {
                failure = e;
                transport.Dispose();
            }
            catch (ObjectDisposedException)
            {
                transport.Dispose();
                throw;
            }
        }

        throw failure;
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
                    return "the store was closed";
                if (pipeline.IsRetired)
                    return "the server has become a read-only replica";
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
        if (oldest > limits.Silence && silentFor > limits.Silence.TotalMilliseconds)
            throw new IOException($"the server owes replies and has sent nothing for {RedisErrors.Text(limits.Silence)}");
    }
}
