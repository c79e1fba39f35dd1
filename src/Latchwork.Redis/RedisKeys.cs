namespace Latchwork.Redis;

/// <summary>The keys of one partition of a timer namespace. The names are those that the scripts give them.</summary>
internal enum TimerKey
{
    // HASH: format, partitions; last, offset (the clock); big; primary, armed, backup, by, seq, since (who is woken); trimmed; swept, scan;
    // seal, import (moves); pause (see PauseText); scheduleswept; absolute (1 once there was an absolute time)
    Meta,

    Due, // ZSET: id → due time in ms. The scheduled events
    Flight, // ZSET: id → end of the lease in ms. The events in flight
    Dead, // ZSET: id → time of death in ms. The dead letters
    Body, // HASH: id → most retries (7 digits), length of the headers (5 digits), headers, payload. Events in any state
    Tries, // HASH: id → retries spent, number of failures; of a dead one also when it was due, and of what it died (see events.lua)
    Past, // HASH: a digit and id → one of the last ten failures (see events.lua). The same events as in Tries
    Lease, // HASH: id → token, retries, due time (and how far it is ahead of an absolute one), most retries, when it was claimed and node (see events.lua). The events in flight
    Claims, // HASH: node → the ids that its last claim returned (MessagePack)
    Nodes, // HASH: node → last seen, poll slot, whether it is full, what it holds, the token of its last claim (see Claim.lua)
    Rotation, // ZSET: node → place. The order in which nodes with free capacity are notified
    PollSlots, // ZSET: node → its next poll slot in ms. The nodes that are not silent
    Schedules, // HASH: schedule → its record without its body (see events.lua)
    ScheduleBodies, // HASH: schedule → its body
    ScheduleIds, // ZSET: schedule → 0. In order of their bytes
    Completed, // HASH: id → a completed event: outcome, retries spent, due time, most retries, when it was claimed and node (see events.lua)
    CompletedIds, // ZSET: id → when it was completed, in ms. The same ids as in Completed
    Counters, // HASH: what happened to events: in the minute and the hour that are not over, before, and in the minutes and hours that are kept (see partition.lua)
    Absolute, // ZSET: id → by how many ms the score in Due is ahead of an absolute time (see events.lua). Scheduled events that have one
    Moved, // SET: the ids that came from another store. There only while the namespace is the target of a move
}

/// <summary>
/// Makes every key and channel that Latchwork uses in Redis; nothing else does. All begin with the prefix (<c>lw:</c> by default).
/// </summary>
/// <remarks>
/// <code>
/// lw:timers                      SET   no tag            the namespaces of timers
/// lw:{t:NAMESPACE:PARTITION}:KEY       tag t:NS:PARTITION  the keys of a partition (see TimerKey); from the second partition on
///                                                        the tag has a salt behind it: t:NS:1:SALT (see PartitionTag)
/// lw:{t:NAMESPACE:PARTITION}:wake:NODE channel           the notifications of one node
///
/// lw:lockers                     HASH  no tag            the namespaces of lockers: name → format
/// lw:{l:NAMESPACE:KEY}:lock      STRING tag l:NS:KEY     the owner of a key, and its last outcome (see record.lua)
/// lw:{l:NAMESPACE:KEY}:data      STRING tag l:NS:KEY     the bytes of its last outcome, if they are many
/// lw:{l:NAMESPACE:KEY}:wake      channel                 notifies those who wait for the key; in the database N > 0 it is wake:N
/// lw:{l:NAMESPACE}:seal          STRING tag l:NS         the mark of a move to another store, while and after there is one
/// lw:{l:NAMESPACE}:import        STRING tag l:NS         the mark of a move from another store
/// lw:{l:NAMESPACE}:counts        HASH   tag l:NS         what the lockers have done: runs, takeovers, failures
/// </code>
/// What stands between the first <c>{</c> and the next <c>}</c> is the hash tag: all keys of a partition, or of a key of a locker, are in
/// one slot of a cluster. So that any text makes a legal tag, <c>%</c>, <c>{</c> and <c>}</c> in it are written <c>%25</c>, <c>%7B</c> and
/// <c>%7D</c>, and <c>:</c> in the namespace of a locker <c>%3A</c>.
/// </remarks>
/// <param name="prefix">What all keys and channels begin with: without <c>{</c> and <c>}</c>, which would make a tag of their own.</param>
/// <param name="isInCluster">
/// Whether they are for a cluster: then all keys of a script must be in one slot. It throws while that is not known. Null: they are not.
/// </param>
/// <param name="database">The number of the database. Null: 0.</param>
internal sealed class RedisKeys(string prefix, Func<bool>? isInCluster = null, Func<int>? database = null)
{
    /// <summary>
    /// The name of a key that never exists, and that every script on a partition or a lock declares in a cluster. While a slot is moved, its
    /// former owner runs a script if all declared keys are still there, and then refuses the script's own commands on one that the script itself
    /// has just emptied, in the middle of it and after its first writes. As this one is missing always, it refuses the whole script
    /// (<c>TRYAGAIN</c>) before it begins, and nothing is done by halves.
    /// </summary>
    private const string WholeScriptGuard = "never";

    private readonly ConcurrentDictionary<TimerPartition, TimerPartitionKeys> _partitions = new();
    private readonly ConcurrentDictionary<string, RedisKey> _seals = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _lockerStarts = new(StringComparer.Ordinal);

    /// <summary>Whether they are for a cluster, where all keys of a script are in one slot and namespaces of lockers have no marks of moves.</summary>
    public bool IsInCluster => isInCluster?.Invoke() ?? false;

    /// <summary>SET: the namespaces of timers that were ever used.</summary>
    public RedisKey TimerNamespaces { get; } = $"{prefix}timers";

    /// <summary>HASH: the namespaces of lockers that were ever used, each with its format.</summary>
    public RedisKey LockerNamespaces { get; } = $"{prefix}lockers";

    public TimerPartitionKeys Of(TimerPartition partition) =>
        _partitions.TryGetValue(partition, out TimerPartitionKeys? keys) ? keys : _partitions.GetOrAdd(partition, Make);

    /// <summary>The keys of a key of a locker. They are made anew each time: there may be any number of them.</summary>
    public LockerKeys Of(LockerKey key)
    {
        string start = LockerStart(key.Namespace), name = Encode(key.Key);
        return new LockerKeys(start, name, IsInCluster ? $"{start}{name}}}:{WholeScriptGuard}" : SealOf(key.Namespace), LockerChannelEnd);
    }

    /// <summary>What the channel of a key ends with. Channels do not know databases: the number is part of the name, so that no other's outcome is heard.</summary>
    public string LockerChannelEnd => database?.Invoke() is > 0 and int number ? string.Create(CultureInfo.InvariantCulture, $"wake:{number}") : "wake";

    /// <summary>STRING: the seal of a namespace of a locker. All its keys share it, so in a cluster no namespace could be closed.</summary>
    public RedisKey SealOf(string ns) =>
        _seals.TryGetValue(ns, out RedisKey seal) ? seal : _seals.GetOrAdd(ns, (RedisKey)Encoding.UTF8.GetBytes($"{LockerStart(ns)[..^1]}}}:seal"));

    /// <summary>STRING: the mark of a move into a namespace of a locker.</summary>
    public RedisKey ImportOf(string ns) => $"{LockerStart(ns)[..^1]}}}:import";

    /// <summary>HASH: what the lockers of a namespace have done.</summary>
    public RedisKey CountsOf(string ns) => $"{LockerStart(ns)[..^1]}}}:counts";

    /// <summary>The pattern (of <c>SCAN</c>) of the names of all locks of a namespace.</summary>
    public string LockPattern(string ns)
    {
        var pattern = new StringBuilder();
        foreach (char c in LockerStart(ns))
        {
            if (c is '*' or '?' or '[' or ']' or '\\') pattern.Append('\\');
            pattern.Append(c);
        }

        return pattern.Append('*').Append(LockerKeys.LockEnd).ToString();
    }

    /// <summary>The key of a locker to which a lock belongs; null if the name is not that of a lock of this namespace.</summary>
    public string? KeyOfLock(string ns, string name)
    {
        string start = LockerStart(ns);
        return name.Length > start.Length + LockerKeys.LockEnd.Length
            && name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(LockerKeys.LockEnd, StringComparison.Ordinal)
            ? Decode(name[start.Length..^LockerKeys.LockEnd.Length])
            : null;
    }

    private TimerPartitionKeys Make(TimerPartition partition)
    {
        string start = prefix + PartitionTag.Of(Encode(partition.Namespace), partition.Index);
        return new TimerPartitionKeys(start, IsInCluster ? $"{start}:{WholeScriptGuard}" : null);
    }

    private string LockerStart(string ns) =>
        _lockerStarts.TryGetValue(ns, out string? start)
            ? start
            : _lockerStarts.GetOrAdd(ns, $"{prefix}{{l:{Encode(ns).Replace(":", "%3A", StringComparison.Ordinal)}:");

    private static string Decode(string text) =>
        text.Replace("%7D", "}", StringComparison.Ordinal).Replace("%7B", "{", StringComparison.Ordinal).Replace("%25", "%", StringComparison.Ordinal);

    private static string Encode(string text) =>
        text.AsSpan().IndexOfAny('%', '{', '}') < 0
            ? text
            : text.Replace("%", "%25", StringComparison.Ordinal).Replace("{", "%7B", StringComparison.Ordinal).Replace("}", "%7D", StringComparison.Ordinal);
}

/// <summary>The keys of one partition, encoded once.</summary>
/// <param name="start">The prefix, and the partition's hash tag with its braces.</param>
/// <param name="guard">In a cluster the key that never exists, with which every list ends.</param>
internal sealed class TimerPartitionKeys(string start, string? guard)
{
    private readonly RedisKey[] _keys = Array.ConvertAll(Enum.GetValues<TimerKey>(), key => (RedisKey)Encoding.UTF8.GetBytes($"{start}:{NameOf(key)}"));
    private readonly RedisKey[] _guard = guard is null ? [] : [Encoding.UTF8.GetBytes(guard)];
    private readonly ConcurrentDictionary<TimerKey[], RedisKey[]> _lists = new(ReferenceEqualityComparer.Instance);

    /// <summary>What the channels of the nodes' notifications begin with; the node's id follows.</summary>
    public string ChannelPrefix { get; } = $"{start}:wake:";

    /// <summary>The same as an argument of scripts.</summary>
    public RedisValue Channel { get; } = Encoding.UTF8.GetBytes($"{start}:wake:");

    /// <summary>The name of a key, as scripts and the server know it.</summary>
    public static string NameOf(TimerKey key) => key.ToString().ToLowerInvariant();

    /// <summary>Some of the keys, in the order given, and in a cluster the one that never exists.</summary>
    /// <param name="names">Which; always the same array for the same script.</param>
    public RedisKey[] Select(TimerKey[] names) =>
        _lists.GetOrAdd(names, static (list, self) => [.. list.Select(name => self._keys[(int)name]), .. self._guard], this);
}

/// <summary>The keys of one key of a locker, and the channel of its notifications.</summary>
/// <param name="start">The prefix, and the beginning of the hash tag.</param>
/// <param name="name">The rest of the hash tag, without its brace.</param>
/// <param name="seal">
/// The seal of its namespace. In a cluster it would be in another slot, and no namespace of lockers is moved: there it is a key that never exists.
/// </param>
/// <param name="channelEnd">What the name of a channel ends with: see <see cref="RedisKeys.LockerChannelEnd"/>.</param>
internal readonly struct LockerKeys(string start, string name, RedisKey seal, string channelEnd)
{
    /// <summary>What the name of every lock ends with.</summary>
    public const string LockEnd = "}:lock";

    /// <summary>The record of the lock and of its last outcome.</summary>
    public RedisKey Lock => $"{start}{name}{LockEnd}";

    /// <summary>The bytes of a large outcome.</summary>
    public RedisKey Data => $"{start}{name}}}:data";

    public RedisKey Seal => seal;

    /// <summary>The keys <c>lock</c>, <c>data</c> and <c>seal</c>, in the order in which every script on one key takes them (see record.lua).</summary>
    public RedisKey[] All => [Lock, Data, Seal];

    /// <summary>The channel on which those who wait for the key are notified.</summary>
    public string Channel => $"{start}{name}}}:{channelEnd}";
}
