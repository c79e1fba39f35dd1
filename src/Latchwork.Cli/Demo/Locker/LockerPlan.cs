namespace Latchwork.Cli.Demo.Locker;

/// <summary>What is to happen to a key of the demo.</summary>
internal enum KeyFate
{
    /// <summary>It is computed, and all get the result.</summary>
    Plain,

    /// <summary>Its owner is killed in the middle of the work.</summary>
    OwnerDies,

    /// <summary>The work throws.</summary>
    Fails,
}

/// <summary>What the second act does and when: the same in every run.</summary>
internal static class LockerPlan
{
    /// <summary>Callers on each node. Each asks for every key, all at the same time.</summary>
    public const int Callers = 100;

    public static readonly string[] Nodes = ["dora", "emil", "finn", "gwen"];

    public static readonly (string Key, KeyFate Fate)[] Keys =
    [
        ("report:april", KeyFate.Plain),
        ("report:may", KeyFate.Plain),
        ("report:june", KeyFate.OwnerDies),
        ("report:july", KeyFate.Fails),
    ];

    /// <summary>The lease: how long a key stays with a dead owner.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(1);

    /// <summary>How long after the end of the lease another has begun, at the latest.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a failure is handed over to those who called before it: whoever hears of it later runs the work again.</summary>
    public static readonly TimeSpan HandOver = 2 * new LockerOptions().RecheckInterval;

    /// <summary>When, after all have asked, an owner is killed.</summary>
    public static readonly TimeSpan KillAfter = TimeSpan.FromMilliseconds(600);

    /// <summary>How long a caller waits at most, however slow the machine is. Usually it waits for three seconds.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>The calls for one key, on all nodes.</summary>
    public static int CallsOfKey => Nodes.Length * Callers;

    /// <summary>The calls for all keys, all at the same time.</summary>
    public static int Calls => CallsOfKey * Keys.Length;

    public static KeyFate FateOf(string key) => Keys.First(k => k.Key == key).Fate;

    /// <summary>How long the work takes once it may end. The one that is taken over takes longer than the lease.</summary>
    public static TimeSpan Work(KeyFate fate) => fate switch
    {
        KeyFate.Fails => TimeSpan.FromMilliseconds(300),
        KeyFate.OwnerDies => TimeSpan.FromMilliseconds(1_200),
        _ => TimeSpan.FromMilliseconds(400),
    };

    public static LockerOptions Options(string ns, string nodeId) => new()
    {
        Namespace = ns,
        NodeId = nodeId,
        Lease = Lease,
        WaitTimeout = Patience,
        OutageTolerance = Patience,
        LeaveTimeout = TimeSpan.FromMilliseconds(250),
        // Whatever is left in a store, such as the last fencing token of a key that was forgotten, is gone soon.
        LockTimeout = TimeSpan.FromSeconds(20),
        ResultTimeout = TimeSpan.FromSeconds(60),
    };
}
