using Latchwork.Sqlite.Notifications;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Database;

/// <summary>
/// What operations that write share: the connection, the namespaces as far as they are in memory, and the notifications to be sent after the commit.
/// Belongs to the writer's thread.
/// </summary>
internal sealed class WriteScope(SqliteFile file, TimeProvider time, NotificationExchange notifications)
{
    private readonly Dictionary<TimerPartition, TimerNamespace> _namespaces = [];
    private readonly List<PendingNotification> _pending = [];
    private long _version = -1;

    public SqliteFile File => file;

    public TimeProvider Time => time;

    /// <summary>Now, in µs since 1970-01-01 UTC, by the machine's clock.</summary>
    public long Microseconds => time.GetMicroseconds();

    /// <summary>A namespace of timers; made if there is none.</summary>
    public TimerNamespace Namespace(TimerPartition partition)
    {
        if (_namespaces.TryGetValue(partition, out TimerNamespace? known)) return known;
        TimerNamespace found = TimerNamespace.Find(this, partition) ?? TimerNamespace.Create(this, partition);
        _namespaces.Add(partition, found);
        return found;
    }

    /// <summary>A namespace of timers was deleted in this transaction: it is found, or made, anew.</summary>
    public void Remove(TimerPartition partition) => _namespaces.Remove(partition);

    /// <summary>Notifies whoever waits for a topic, once the transaction is committed.</summary>
    /// <returns>Whether anybody waits.</returns>
    public bool Notify(string topic, in NotificationMessage message)
    {
        bool anybody = false;
        using Statement rows = file[
            """
            SELECT s.process, p.port, p.cookie FROM subscriptions s JOIN processes p ON p.id = s.process WHERE s.topic = ?
            """].Set(topic);
        while (rows.Step())
        {
            anybody = true;
            _pending.Add(new PendingNotification(new NotificationAddress(rows.Long(0), rows.Int(1), rows.Bytes(2)), topic, message));
        }

        return anybody;
    }

    /// <summary>A transaction has begun: what is in memory still holds unless another process has written since.</summary>
    public void Begin()
    {
        using Statement statement = file["PRAGMA data_version"];
        statement.Step();
        long version = statement.Long(0);
        if (version == _version) return;
        _namespaces.Clear();
        _version = version;
    }

    /// <summary>Writes down what the operations changed in memory, before the commit.</summary>
    public void Save()
    {
        foreach (TimerNamespace ns in _namespaces.Values) ns.Save(this);
    }

    /// <summary>The transaction was undone.</summary>
    public void Forget()
    {
        _namespaces.Clear();
        _pending.Clear();
    }

    /// <summary>The transaction was committed.</summary>
    public void SendNotifications()
    {
        foreach (PendingNotification notification in _pending) notifications.Send(notification);
        _pending.Clear();
    }
}
