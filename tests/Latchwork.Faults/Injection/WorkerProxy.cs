using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Latchwork.Faults.Injection;

/// <summary>A direction of a connection.</summary>
[Flags]
public enum Direction
{
    /// <summary>What the worker says.</summary>
    ToServer = 1,

    /// <summary>What the server says.</summary>
    FromServer = 2,

    /// <summary>Both.</summary>
    Both = ToServer | FromServer,
}

/// <summary>
/// Stands between one worker and its server. It can hold back what is said (stall), let it vanish (cut), let it through slowly (throttle), in
/// either direction; leave out notifications; and end all connections.
/// </summary>
public sealed class WorkerProxy : IAsyncDisposable
{
    private const int ThrottledPiece = 256;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly CancellationTokenSource _over = new();
    private readonly Func<int> _target;
    private readonly Func<NotificationFilter> _newFilter;
    private readonly Task _accepting;
    private volatile TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Direction _stalled;
    private volatile Direction _cut;
    private volatile Direction _throttled;
    private volatile int _bytesPerSecond;
    private volatile bool _dropsNotifications;
    private long _dropped;

    /// <param name="target">The server's port on this machine.</param>
    /// <param name="newFilter">Makes what follows the server's side of a connection; null for that of Redis.</param>
    public WorkerProxy(int target, Func<NotificationFilter>? newFilter = null)
        : this(() => target, newFilter)
    {
    }

    /// <param name="target">Gives the port on this machine of the server that a new connection is for.</param>
    /// <param name="newFilter">Makes what follows the server's side of a connection; null for that of Redis.</param>
    public WorkerProxy(Func<int> target, Func<NotificationFilter>? newFilter = null)
    {
        _target = target;
        _newFilter = newFilter ?? (static () => new PushFilter());
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The port to connect to.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many notifications were left out.</summary>
    public long DroppedNotifications => Interlocked.Read(ref _dropped);

    /// <summary>Whether notifications are left out from now on.</summary>
    public bool DropsNotifications
    {
        get => _dropsNotifications;
        set => _dropsNotifications = value;
    }

    /// <summary>Holds back what is said until <see cref="Heal"/>; nothing is lost.</summary>
    public void Stall(Direction direction) => _stalled = direction;

    /// <summary>Lets what is said vanish. New connections are accepted and hear, or say, nothing.</summary>
    public void Cut(Direction direction) => _cut = direction;

    /// <summary>Lets only so much through.</summary>
    public void Throttle(Direction direction, int bytesPerSecond)
    {
        _bytesPerSecond = bytesPerSecond;
        _throttled = direction;
    }

    /// <summary>Ends stalling, cutting and throttling. Connections from which something vanished are ended: their streams have a hole.</summary>
    public void Heal()
    {
        bool wasCut = _cut != 0;
        (_stalled, _cut, _throttled) = (0, 0, 0);
        if (wasCut) Drop();
        Interlocked.Exchange(ref _released, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    /// <summary>Ends all connections.</summary>
    public void Drop()
    {
        foreach (Socket socket in _sockets.Keys) socket.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Stop();
        Drop();
        await _accepting;
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptSocketAsync(_over.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return; // The run is over.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using Socket near = client;
        using var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        _sockets[near] = _sockets[far] = true;
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, _target(), _over.Token);
            await Task.WhenAny(PumpAsync(near, far, Direction.ToServer), PumpAsync(far, near, Direction.FromServer));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return; // The server is away: so is the connection.
        }
        finally
        {
            _sockets.TryRemove(near, out _);
            _sockets.TryRemove(far, out _);
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Direction direction)
    {
        byte[] buffer = new byte[64 << 10];
        var passed = new ArrayBufferWriter<byte>();
        NotificationFilter filter = _newFilter();
        bool hasHole = false;
        try
        {
            while (true)
            {
                int count = await from.ReceiveAsync(buffer, _over.Token);
                if (count == 0) return;
                await WaitWhileStalledAsync(direction);
                if ((_cut & direction) != 0)
                {
                    hasHole = true;
                    continue;
                }

                if (hasHole) return; // TCP has none: the connection ends.
                if (direction == Direction.ToServer)
                {
                    await SendAsync(to, buffer.AsMemory(0, count), direction);
                    continue;
                }

                long before = filter.Dropped;
                filter.DropsNotifications = _dropsNotifications;
                filter.Pass(buffer.AsSpan(0, count), passed);
                Interlocked.Add(ref _dropped, filter.Dropped - before);
                await SendAsync(to, passed.WrittenMemory, direction);
                passed.ResetWrittenCount();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return; // One side went away; so does the other.
        }
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> data, Direction direction)
    {
        while (!data.IsEmpty)
        {
            bool isSlow = (_throttled & direction) != 0;
            int piece = isSlow ? Math.Min(ThrottledPiece, data.Length) : data.Length;
            if (isSlow) await Task.Delay(TimeSpan.FromSeconds((double)piece / _bytesPerSecond), _over.Token);
            for (int sent = 0; sent < piece;) sent += await to.SendAsync(data[sent..piece], _over.Token);
            data = data[piece..];
        }
    }

    private async Task WaitWhileStalledAsync(Direction direction)
    {
        while (true)
        {
            Task released = _released.Task;
            if ((_stalled & direction) == 0) return;
            await released.WaitAsync(_over.Token);
        }
    }
}
