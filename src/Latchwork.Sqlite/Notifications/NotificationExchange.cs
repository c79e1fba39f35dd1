using System.Net;
using System.Net.Sockets;
using Latchwork.Sqlite.Database;
using Latchwork.Storage;

namespace Latchwork.Sqlite.Notifications;

/// <summary>
/// Carries notifications between the processes that share a file, and within this one. Who waits for what is in the database, so a process notifies
/// only those who wait; the notification itself is a datagram on the loopback address.
/// </summary>
/// <remarks>
/// A process that is killed leaves its rows behind. Notifying it reaches nobody, which the backup wakers and re-checks of the engines cover; an hour
/// later another process drops the rows. A process that was frozen for longer than that puts its rows back when it wakes up. A row that could
/// not be deleted when nobody waited any more goes with the next keep-alive.
/// </remarks>
internal sealed class NotificationExchange(SqliteLog log) : IDisposable
{
    private static readonly TimeSpan _keepAlive = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _forgetAfter = TimeSpan.FromHours(1);
    /// <summary>The most rows that were left over that one keep-alive deletes.</summary>
    private const int MaxDropped = 1_000;

    private static readonly TimeSpan _farewell = TimeSpan.FromSeconds(1);

    private readonly NotificationTable _table = new(log);
    private readonly Lock _gate = new();
    private readonly long _process = Random.Shared.NextInt64(1, long.MaxValue);
    private readonly HashSet<string> _leftOver = [];
    private Writer? _writer;
    private NotificationSocket? _socket;
    private Socket? _sender;
    private ITimer? _timer;
    private bool _opened;
    private volatile bool _closed;

    public void Attach(Writer writer) => _writer = writer;

    /// <summary>Waits for a topic.</summary>
    public async Task<IAsyncDisposable> SubscribeAsync(string topic, Action<NotificationMessage> notify, CancellationToken cancellationToken)
    {
        Open();
        var subscriber = new Subscriber(notify);
        _table.Add(topic, subscriber); // first: what is notified from the commit on must be heard
        try
        {
            // In the transaction before that which takes this process off the list, or not at all.
            bool isNew = await _writer!.RunAsync(scope => Register(scope.File, topic), isDurable: false, cancellationToken).ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(_closed, typeof(SqliteStore));
            if (isNew) NotifyAll(except: topic);
        }
        catch
        {
            _table.Remove(topic, subscriber);
            throw;
        }

        return new Subscription(this, topic, subscriber);
    }

    /// <summary>The port at which this process receives notifications; 0 if it has none.</summary>
    public int Port => _socket?.Port ?? 0;

    /// <summary>Notifies somebody, here or in another process. Never waits.</summary>
    public void Send(in PendingNotification notification)
    {
        if (notification.Address.Process == _process)
        {
            _table.Notify(notification.Topic, notification.Message);
            return;
        }

        if (notification.Address.Port == 0) return; // it could have no socket and looks by itself
        try
        {
            // Made by the first notification that leaves this process: on the writer's thread, like all of them. Where none can be had it is tried again.
            _sender ??= new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
            _sender.SendTo(NotificationMessage.Encode(notification), new IPEndPoint(IPAddress.Loopback, notification.Address.Port));
        }
        catch (SocketException e)
        {
            log.NotificationNotSent(notification.Address.Port, e.Message);
        }
    }

    /// <summary>Takes this process off the list.</summary>
    public async Task LeaveAsync()
    {
        lock (_gate)
        {
            _closed = true; // nothing is opened from now on
            if (!_opened) return;
        }

        _table.Clear();
        try
        {
            await _writer!.RunAsync(scope => Unregister(scope.File), isDurable: false, CancellationToken.None).WaitAsync(_farewell).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException or TimeoutException)
        {
            log.KeepAliveFailed(e.Message); // the rows are dropped in an hour
        }
    }

    /// <summary>Frees the sockets, after <see cref="LeaveAsync"/> and when the writer's thread has ended.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        _socket?.Dispose();
        _sender?.Dispose();
    }

    private void Open()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(SqliteStore));
            if (_opened) return;
            _opened = true;
            try
            {
                _socket = new NotificationSocket((topic, message) => _table.Notify(topic, message));
            }
            catch (SocketException e)
            {
                log.NotificationsUnavailable(e.Message);
            }

            _timer = TimeProvider.System.CreateTimer(static exchange => _ = ((NotificationExchange)exchange!).KeepAliveAsync(), this, _keepAlive, _keepAlive);
        }
    }

    /// <returns>Whether the process was not on the list: at its first subscription, and when others have forgotten it meanwhile.</returns>
    private bool Register(SqliteFile file, string topic)
    {
        if (_closed) return false;
        InsertProcess(file);
        bool isNew = file.Changes > 0;
        foreach (string known in isNew ? _table.Topics : []) InsertTopic(file, known);
        InsertTopic(file, topic);
        return isNew;
    }

    /// <summary>Tells those who wait here that notifications may have been missed.</summary>
    private void NotifyAll(string? except)
    {
        foreach (string topic in _table.Topics.Where(topic => topic != except))
        {
            _table.Notify(topic, new NotificationMessage(new WakeNotification(WakeNotificationKind.Missed, 0, TimeSpan.Zero, default)));
        }
    }

    private void InsertProcess(SqliteFile file) => file["INSERT OR IGNORE INTO processes (id, port, cookie, seen) VALUES (?, ?, ?, ?)"]
        .Set(_process).Set(Port).Set(_socket?.Cookie ?? new byte[NotificationMessage.CookieBytes]).Set(Now()).Run();

    private void InsertTopic(SqliteFile file, string topic) =>
        file["INSERT OR IGNORE INTO subscriptions (topic, process) VALUES (?, ?)"].Set(topic).Set(_process).Run();

    private bool Unregister(SqliteFile file)
    {
        file["DELETE FROM subscriptions WHERE process = ?"].Set(_process).Run();
        file["DELETE FROM processes WHERE id = ?"].Set(_process).Run();
        return true;
    }

    /// <summary>Says that this process is alive, and drops those that have not said so for long. Called every few minutes; never throws.</summary>
    internal async Task KeepAliveAsync()
    {
        string[] leftOver;
        lock (_gate)
        {
            leftOver = [.. _leftOver.Take(MaxDropped)];
            _leftOver.ExceptWith(leftOver);
        }

        try
        {
            bool wasForgotten = await _writer!.RunAsync(scope => KeepAlive(scope.File, leftOver), isDurable: false, CancellationToken.None).ConfigureAwait(false);
            if (wasForgotten) NotifyAll(except: null);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            lock (_gate) _leftOver.UnionWith(leftOver);
            log.KeepAliveFailed(e.Message);
        }
    }

    /// <returns>Whether others had forgotten this process.</returns>
    private bool KeepAlive(SqliteFile file, string[] leftOver)
    {
        if (_closed) return false; // it is off the list, and stays so
        long tooOld = Now() - _forgetAfter.Ticks;
        file["UPDATE processes SET seen = ? WHERE id = ?"].Set(Now()).Set(_process).Run();
        bool wasForgotten = file.Changes == 0;
        foreach (string topic in leftOver)
        {
            if (!_table.Has(topic)) DeleteTopic(file, topic);
        }

        file["DELETE FROM subscriptions WHERE process IN (SELECT id FROM processes WHERE seen < ?)"].Set(tooOld).Run();
        file["DELETE FROM processes WHERE seen < ?"].Set(tooOld).Run();
        if (!wasForgotten) return false;

        InsertProcess(file);
        foreach (string topic in _table.Topics) InsertTopic(file, topic);
        return true;
    }

    private async ValueTask UnsubscribeAsync(string topic, Subscriber subscriber)
    {
        subscriber.Stop();
        _table.Remove(topic, subscriber);
        try
        {
            await _writer!.RunAsync(
                scope =>
                {
                    if (_table.Has(topic)) return false; // somebody else here waits for it by now
                    DeleteTopic(scope.File, topic);
                    return true;
                },
                isDurable: false,
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            return; // the store took everything off the list when it was closed
        }
        catch (LatchworkStoreException)
        {
            lock (_gate) _leftOver.Add(topic); // the next keep-alive deletes the row
            throw;
        }
    }

    private void DeleteTopic(SqliteFile file, string topic) =>
        file["DELETE FROM subscriptions WHERE topic = ? AND process = ?"].Set(topic).Set(_process).Run();

    // How long processes are remembered is a matter of the machine, not of the store's clock, which tests may set.
    private static long Now() => TimeProvider.System.GetUtcNow().UtcTicks;

    private sealed class Subscription(NotificationExchange exchange, string topic, Subscriber subscriber) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => exchange.UnsubscribeAsync(topic, subscriber);
    }
}
