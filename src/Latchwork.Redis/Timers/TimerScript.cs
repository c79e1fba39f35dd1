namespace Latchwork.Redis.Timers;

/// <summary>A script that works on one partition, and the keys that it declares. It is put together when it is first used: a process needs few of them.</summary>
internal sealed class TimerScript
{
    private readonly Lazy<(RedisScript Script, TimerKey[] Keys)> _loaded;

    private TimerScript(string path) => _loaded = new(() =>
    {
        RedisScript script = RedisScripts.Load(path);
        return (script, KeysOf(script));
    });

    public static TimerScript Open { get; } = Load(nameof(Open));
    public static TimerScript Find { get; } = Load(nameof(Find));
    public static TimerScript Post { get; } = Load(nameof(Post));
    public static TimerScript Claim { get; } = Load(nameof(Claim));
    public static TimerScript Confirm { get; } = Load(nameof(Confirm));
    public static TimerScript Extend { get; } = Load(nameof(Extend));
    public static TimerScript Release { get; } = Load(nameof(Release));
    public static TimerScript Fail { get; } = Load(nameof(Fail));
    public static TimerScript Peek { get; } = Load(nameof(Peek));
    public static TimerScript Cancel { get; } = Load(nameof(Cancel));
    public static TimerScript ChangeDelay { get; } = Load(nameof(ChangeDelay));
    public static TimerScript Upcoming { get; } = Load(nameof(Upcoming));
    public static TimerScript InFlight { get; } = Load(nameof(InFlight));
    public static TimerScript DeadLetters { get; } = Load(nameof(DeadLetters));
    public static TimerScript Completed { get; } = Load(nameof(Completed));
    public static TimerScript Requeue { get; } = Load(nameof(Requeue));
    public static TimerScript Purge { get; } = Load(nameof(Purge));
    public static TimerScript Nodes { get; } = Load(nameof(Nodes));
    public static TimerScript Stats { get; } = Load(nameof(Stats));
    public static TimerScript Pause { get; } = Load(nameof(Pause));
    public static TimerScript Resume { get; } = Load(nameof(Resume));
    public static TimerScript ReadSchedules { get; } = Load(nameof(ReadSchedules));
    public static TimerScript WriteSchedules { get; } = Load(nameof(WriteSchedules));
    public static TimerScript ListSchedules { get; } = Load(nameof(ListSchedules));
    public static TimerScript SweepSchedules { get; } = Load(nameof(SweepSchedules));
    public static TimerScript Leave { get; } = Load(nameof(Leave));

    // Moving a namespace, changing its number of partitions, examining it.
    public static TimerScript CheckBodies { get; } = LoadMaintenance(nameof(CheckBodies));
    public static TimerScript CheckNodes { get; } = LoadMaintenance(nameof(CheckNodes));
    public static TimerScript CheckRecords { get; } = LoadMaintenance(nameof(CheckRecords));
    public static TimerScript CheckStates { get; } = LoadMaintenance(nameof(CheckStates));
    public static TimerScript CloseForMove { get; } = LoadMaintenance(nameof(CloseForMove));
    public static TimerScript DropEvents { get; } = LoadMaintenance(nameof(DropEvents));
    public static TimerScript DropJournal { get; } = LoadMaintenance(nameof(DropJournal));
    public static TimerScript DropNamespace { get; } = LoadMaintenance(nameof(DropNamespace));
    public static TimerScript ImportCompleted { get; } = LoadMaintenance(nameof(ImportCompleted));
    public static TimerScript ImportEvents { get; } = LoadMaintenance(nameof(ImportEvents));
    public static TimerScript LockPartition { get; } = LoadMaintenance(nameof(LockPartition));
    public static TimerScript MoveCompleted { get; } = LoadMaintenance(nameof(MoveCompleted));
    public static TimerScript MoveCounters { get; } = LoadMaintenance(nameof(MoveCounters));
    public static TimerScript MoveMarks { get; } = LoadMaintenance(nameof(MoveMarks));
    public static TimerScript MoveSchedules { get; } = LoadMaintenance(nameof(MoveSchedules));
    public static TimerScript NextEvents { get; } = LoadMaintenance(nameof(NextEvents));
    public static TimerScript PeekPartition { get; } = LoadMaintenance(nameof(PeekPartition));
    public static TimerScript ReadEvents { get; } = LoadMaintenance(nameof(ReadEvents));
    public static TimerScript ScanCompleted { get; } = LoadMaintenance(nameof(ScanCompleted));
    public static TimerScript ScanEvents { get; } = LoadMaintenance(nameof(ScanEvents));
    public static TimerScript ScanSchedules { get; } = LoadMaintenance(nameof(ScanSchedules));
    public static TimerScript TakeEvents { get; } = LoadMaintenance(nameof(TakeEvents));
    public static TimerScript UnlockPartition { get; } = LoadMaintenance(nameof(UnlockPartition));
    public static TimerScript WriteEvents { get; } = LoadMaintenance(nameof(WriteEvents));

    // These work on the list of namespaces, not on a partition.
    public static RedisScript Register { get; } = RedisScripts.Load("Timers/Register");
    public static RedisScript Unregister { get; } = RedisScripts.Load("Timers/Unregister");
    public static RedisScript Namespaces { get; } = RedisScripts.Load("Timers/Namespaces");

    public RedisScript Script => _loaded.Value.Script;

    /// <summary>The keys, in the order in which the script unpacks them.</summary>
    public TimerKey[] Keys => _loaded.Value.Keys;

    private static TimerScript Load(string name) => new($"Timers/{name}");

    private static TimerScript LoadMaintenance(string name) => Load($"Maintenance/{name}");

    /// <summary>A script names its keys once, where it unpacks them; so they cannot be sent in another order.</summary>
    private static TimerKey[] KeysOf(RedisScript script)
    {
        const string Start = "local ", End = " = unpack(KEYS)";
        foreach (string line in script.Source.Split('\n'))
        {
            if (!line.StartsWith(Start, StringComparison.Ordinal) || !line.EndsWith(End, StringComparison.Ordinal)) continue;
            return Array.ConvertAll(line[Start.Length..^End.Length].Split(", "), static name => Enum.Parse<TimerKey>(name, ignoreCase: true));
        }

        throw new InvalidOperationException($"The script '{script.Name}' does not unpack its keys.");
    }
}
