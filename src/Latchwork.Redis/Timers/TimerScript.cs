namespace Latchwork.Redis.Timers;

/// <summary>A script that works on one partition, and the keys that it declares.</summary>
internal sealed class TimerScript
{
    private TimerScript(RedisScript script) => (Script, Keys) = (script, KeysOf(script));
    public static TimerScript Open { get; } = Load(nameof(Open));
    public static TimerScript Find { get; } = Load(nameof(Find));
    public static TimerScript DropNamespace { get; } = Load(nameof(DropNamespace));
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
    public static TimerScript ScanCompleted { get; } = Load(nameof(ScanCompleted));
    public static TimerScript ImportCompleted { get; } = Load(nameof(ImportCompleted));
    public static TimerScript MoveCompleted { get; } = Load(nameof(MoveCompleted));
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
    public static TimerScript MoveSchedules { get; } = Load(nameof(MoveSchedules));
    public static TimerScript MoveCounters { get; } = Load(nameof(MoveCounters));
    public static TimerScript ScanSchedules { get; } = Load(nameof(ScanSchedules));
    public static TimerScript Leave { get; } = Load(nameof(Leave));
    public static TimerScript Seal { get; } = Load(nameof(Seal));
    public static TimerScript Marks { get; } = Load(nameof(Marks));
    public static TimerScript Next { get; } = Load(nameof(Next));
    public static TimerScript Import { get; } = Load(nameof(Import));
    public static TimerScript DropJournal { get; } = Load(nameof(DropJournal));
    public static TimerScript PeekPartition { get; } = Load(nameof(PeekPartition));
    public static TimerScript LockPartition { get; } = Load(nameof(LockPartition));
    public static TimerScript ScanPartition { get; } = Load(nameof(ScanPartition));
    public static TimerScript ReadEvents { get; } = Load(nameof(ReadEvents));
    public static TimerScript WriteEvents { get; } = Load(nameof(WriteEvents));
    public static TimerScript Drop { get; } = Load(nameof(Drop));
    public static TimerScript UnlockPartition { get; } = Load(nameof(UnlockPartition));
    public static TimerScript CheckStates { get; } = Load(nameof(CheckStates));
    public static TimerScript CheckBodies { get; } = Load(nameof(CheckBodies));
    public static TimerScript CheckRecords { get; } = Load(nameof(CheckRecords));
    public static TimerScript CheckNodes { get; } = Load(nameof(CheckNodes));
    public static TimerScript TakeEvents { get; } = Load(nameof(TakeEvents));

    // These work on the list of namespaces, not on a partition.
    public static RedisScript Register { get; } = RedisScripts.Load("Timers/Register");
    public static RedisScript Unregister { get; } = RedisScripts.Load("Timers/Unregister");
    public static RedisScript Namespaces { get; } = RedisScripts.Load("Timers/Namespaces");

    public RedisScript Script { get; }

    /// <summary>The keys, in the order in which the script unpacks them.</summary>
    public TimerKey[] Keys { get; }

    private static TimerScript Load(string name) => new(RedisScripts.Load($"Timers/{name}"));

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
