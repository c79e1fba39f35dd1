using System.Text;
using Latchwork.Storage;

namespace Latchwork.Sqlite.Notifications;

/// <summary>Where a process can be notified.</summary>
/// <param name="Process">The process's number in the database.</param>
/// <param name="Port">Its UDP port on 127.0.0.1.</param>
/// <param name="Cookie">What it expects a message to begin with.</param>
internal readonly record struct NotificationAddress(long Process, int Port, byte[] Cookie);

/// <summary>A notification to be sent once the transaction is committed.</summary>
internal readonly record struct PendingNotification(NotificationAddress Address, string Topic, NotificationMessage Message);

/// <summary>What a notification says. The notification of a lock says nothing.</summary>
/// <param name="Notification">The notification of a timer.</param>
internal readonly record struct NotificationMessage(WakeNotification Notification)
{
    /// <summary>The longest message: cookie, topic, id and token with their lengths.</summary>
    public const int MaxBytes = 4096;

    /// <summary>The bytes of a cookie.</summary>
    public const int CookieBytes = 16;

    /// <summary>The topic of a listening node.</summary>
    public static string TopicOf(string ns, string nodeId) => $"t{ns.Length}:{ns}{nodeId}";

    /// <summary>The topic of a key.</summary>
    public static string TopicOf(LockerKey key) => $"l{key.Namespace.Length}:{key.Namespace}{key.Key}";

    public static byte[] Encode(in PendingNotification notification)
    {
        using var bytes = new MemoryStream(256);
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        writer.Write(notification.Address.Cookie);
        writer.Write(notification.Topic);
        WakeNotification told = notification.Message.Notification;
        writer.Write((byte)told.Kind);
        writer.Write7BitEncodedInt(told.Partition);
        writer.Write(told.AskIn.Ticks);
        writer.Write(told.Delivery.Id ?? "");
        writer.Write(told.Delivery.Token ?? "");
        writer.Flush();
        return bytes.ToArray();
    }

    /// <summary>Reads a message. Anybody on the machine can send one, so it is believed only if it begins with the cookie and is whole.</summary>
    /// <returns>The topic and the message, or null.</returns>
    public static (string Topic, NotificationMessage Message)? Decode(byte[] bytes, int length, ReadOnlySpan<byte> cookie)
    {
        if (length < CookieBytes || !bytes.AsSpan(0, CookieBytes).SequenceEqual(cookie)) return null;
        using var reader = new BinaryReader(new MemoryStream(bytes, CookieBytes, length - CookieBytes), Encoding.UTF8);
        try
        {
            string topic = reader.ReadString();
            var kind = (WakeNotificationKind)reader.ReadByte();
            int partition = reader.Read7BitEncodedInt();
            var askIn = new TimeSpan(Math.Max(0, reader.ReadInt64()));
            var delivery = new DeliveryKey(reader.ReadString(), reader.ReadString());
            return Enum.IsDefined(kind) ? (topic, new NotificationMessage(new WakeNotification(kind, partition, askIn, delivery))) : null;
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or IOException)
        {
            return null; // of another version, or garbage: a notification is only a hint
        }
    }
}
