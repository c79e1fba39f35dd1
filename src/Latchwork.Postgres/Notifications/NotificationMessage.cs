using System.Globalization;
using System.Text;
using Latchwork.Storage;

namespace Latchwork.Postgres.Notifications;

/// <summary>Reads what the functions of the schema send: words with spaces between them, names in hexadecimal.</summary>
internal static class NotificationMessage
{
    /// <summary>A node is to ask, or a delivery was taken from it: <c>d partition µs namespace node</c>, <c>r partition namespace node id token</c>.</summary>
    /// <returns>For whom it is; null if it is no such message. Anybody may send to a channel.</returns>
    public static (string Namespace, string NodeId, WakeNotification Notification)? ReadForNode(string text)
    {
        string[] words = text.Split(' ');
        if (words.Length < 2 || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)) return null;
        try
        {
            switch (words[0])
            {
                case "d" when words.Length == 5 && long.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out long us) && us < TimeSpan.MaxValue.Ticks / 10:
                    return (Decode(words[3]), Decode(words[4]), new WakeNotification(WakeNotificationKind.Due, partition, TimeSpan.FromMicroseconds(us), default));
                case "r" when words.Length == 6:
                    var delivery = new DeliveryKey(Decode(words[4]), Decode(words[5]));
                    return (Decode(words[2]), Decode(words[3]), new WakeNotification(WakeNotificationKind.Revoked, partition, TimeSpan.Zero, delivery));
                default:
                    return null;
            }
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>Something was posted in a transaction of an application: <c>p partition namespace</c>. Or it was paused: <c>h partition namespace</c>.</summary>
    public static (string Namespace, WakeNotification Notification)? ReadForAll(string text)
    {
        string[] words = text.Split(' ');
        if (words is not ["p" or "h", _, _] || !int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)) return null;
        try
        {
            WakeNotificationKind kind = words[0] == "p" ? WakeNotificationKind.Due : WakeNotificationKind.Paused;
            return (Decode(words[2]), new WakeNotification(kind, partition, TimeSpan.Zero, default));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>A lock was freed: <c>k namespace key</c>.</summary>
    public static LockerKey? ReadForKey(string text)
    {
        string[] words = text.Split(' ');
        if (words is not ["k", _, _]) return null;
        try
        {
            return new LockerKey(Decode(words[1]), Decode(words[2]));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>The message that a lock was freed.</summary>
    public static string ForKey(LockerKey key) => $"k {Encode(key.Namespace)} {Encode(key.Key)}";

    private static string Encode(string name) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(name));

    private static string Decode(string name) => Encoding.UTF8.GetString(Convert.FromHexString(name));
}
