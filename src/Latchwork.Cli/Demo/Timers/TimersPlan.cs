using System.Globalization;
using System.Text;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>What the demo does and when: the same in every run.</summary>
internal static class TimersPlan
{
    public const int Events = 3_000;

    /// <summary>Events that fall due at the very same moment. Whoever takes the most of them is killed.</summary>
    public const int Burst = 200;

    public const int FailOnce = 120;

    public const int AlwaysFail = 12;

    public const int Rejected = 6;

    public const int Cancelled = 150;

    public const int Rescheduled = 150;

    public static readonly string[] Listeners = ["anna", "ben", "cleo"];

    public static readonly TimeSpan ChangeAt = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan BurstAt = TimeSpan.FromSeconds(4);

    /// <summary>How many events of the burst a listener has begun when it is marked to die.</summary>
    public const int Enough = 20;

    /// <summary>What it has then to begin the rest of what it took.</summary>
    public static readonly TimeSpan BeforeKill = TimeSpan.FromMilliseconds(50);

    /// <summary>The lease: how long after the kill the events of the dead listener stay with it.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);

    /// <summary>Within this time the others notice that the one who was to claim next is dead.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromMilliseconds(250);

    /// <summary>When, after the posts, the demo gives up waiting for the last event, so that it ends within 20 seconds.</summary>
    public static readonly TimeSpan GiveUpAt = TimeSpan.FromSeconds(14);

    private static readonly TimeSpan _earliest = TimeSpan.FromSeconds(1.2);

    private static readonly TimeSpan _latest = TimeSpan.FromSeconds(7.5);

    /// <summary>The events, in the order in which they are posted.</summary>
    public static List<DemoEvent> CreateEvents()
    {
        var random = new Random(20_26);
        var events = new List<DemoEvent>(Events);
        // Those that die must have died of their own handlers before the kill, or the kill would be one of their failures.
        Add(DemoKind.AlwaysFails, AlwaysFail, () => Between(random, _earliest, TimeSpan.FromSeconds(2)), maxRetries: 1);
        Add(DemoKind.Rejected, Rejected, () => Between(random, _earliest, TimeSpan.FromSeconds(2)), maxRetries: 3);
        Add(DemoKind.FailsOnce, FailOnce, () => Between(random, _earliest, _latest), maxRetries: 3);
        Add(DemoKind.Cancelled, Cancelled, () => Between(random, TimeSpan.FromSeconds(3), _latest), maxRetries: 3);
        Add(DemoKind.Rescheduled, Rescheduled, () => Between(random, TimeSpan.FromSeconds(3), _latest), maxRetries: 3);
        Add(DemoKind.Burst, Burst, () => BurstAt, maxRetries: 3);
        Add(DemoKind.Plain, Events - events.Count, () => Between(random, _earliest, _latest), maxRetries: 3);
        return events;

        void Add(DemoKind kind, int count, Func<TimeSpan> delay, int maxRetries)
        {
            for (int i = 0; i < count; i++)
            {
                string id = string.Create(CultureInfo.InvariantCulture, $"order-{events.Count + 1:0000}");
                events.Add(new DemoEvent
                {
                    Id = id,
                    Kind = kind,
                    Payload = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"order\":{events.Count + 1},\"total\":{random.Next(100, 99_999) / 100m}}}")),
                    Delay = delay(),
                    MaxRetries = maxRetries,
                });
            }
        }
    }

    /// <summary>The new delay of a rescheduled event: some come earlier, some later.</summary>
    public static TimeSpan NewDelay(Random random) => Between(random, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(6.5));

    /// <summary>How long a handler works.</summary>
    public static TimeSpan Work(Random random) => Between(random, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(15));

    public static TimerOptions ListenerOptions(string ns, string nodeId) => new()
    {
        Namespace = ns,
        NodeId = nodeId,
        MaxEvents = 100,
        MaxInFlight = 300,
        ConfirmTimeout = Lease,
        LeaveTimeout = TimeSpan.FromSeconds(1),
        Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(300), Max = TimeSpan.FromSeconds(1) },
    };

    private static TimeSpan Between(Random random, TimeSpan min, TimeSpan max) =>
        TimeSpan.FromMilliseconds(random.Next((int)min.TotalMilliseconds, (int)max.TotalMilliseconds + 1));
}
