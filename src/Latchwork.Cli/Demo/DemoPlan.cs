using System.Globalization;

namespace Latchwork.Cli.Demo;

/// <summary>What the demo does, and the bounds that it promises: the same in every run.</summary>
internal static class DemoPlan
{
    public const int Events = 1_000;

    /// <summary>How many callers on each node ask for the key.</summary>
    public const int Callers = 100;

    public const string Key = "report:november";

    public static readonly string[] Nodes = ["anna", "ben", "cleo", "dora"];

    /// <summary>How long the events of a dead node stay with it.</summary>
    public static readonly TimeSpan EventLease = TimeSpan.FromSeconds(2);

    /// <summary>How long the key of a dead node stays with it.</summary>
    public static readonly TimeSpan KeyLease = TimeSpan.FromSeconds(1);

    /// <summary>How late a delivery or a takeover may be, after the due time or the end of the dead node's lease: as documented, even if every notification is lost.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(3);

    /// <summary>After this time the demo waits no longer for anything.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    public static EventRecord[] CreateEvents()
    {
        var random = new Random(20_26);
        return [.. Enumerable.Range(1, Events).Select(Create)];

        EventRecord Create(int number)
        {
            EventKind kind = number switch
            {
                <= 100 => EventKind.Burst,
                <= 140 => EventKind.FailsOnce,
                <= 150 => EventKind.Rejected,
                <= 200 => EventKind.Cancelled,
                _ => EventKind.Plain,
            };
            int delay = kind == EventKind.Burst ? 2_000 : random.Next(kind == EventKind.Cancelled ? 2_500 : 1_000, 4_000);
            return new EventRecord(string.Create(CultureInfo.InvariantCulture, $"order-{number:0000}"), kind, TimeSpan.FromMilliseconds(delay));
        }
    }

    public static TimerOptions TimerOptions(string ns, string node) => new()
    {
        Namespace = ns,
        NodeId = node,
        MaxEvents = 40,
        MaxInFlight = 200,
        LeaseDuration = EventLease,
        ShutdownTimeout = TimeSpan.FromSeconds(1),
        Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(200), Max = TimeSpan.FromSeconds(1) },
    };

    public static LockerOptions LockerOptions(string ns, string node) => new()
    {
        Namespace = ns,
        NodeId = node,
        LeaseDuration = KeyLease,
        WaitTimeout = Timeout,
        StoreRetryTimeout = Timeout,
        ShutdownTimeout = TimeSpan.FromMilliseconds(250),
        LockTimeout = Timeout, // for as long the store keeps the last fencing token of a key that was forgotten
        ResultTimeout = TimeSpan.FromMinutes(1),
    };
}
