namespace Latchwork.Redis.Maintenance;

/// <summary>What a server says of itself, and what an operator should know of that.</summary>
/// <param name="TimeUs">Its time, in µs.</param>
/// <param name="Info">The fields of INFO that it tells.</param>
/// <param name="MissingCommands">Commands that scripts use and that it does not have; null if it does not tell.</param>
/// <param name="SavePoints">The setting <c>save</c>: when it takes snapshots; null if it does not tell.</param>
internal sealed record ServerReport(long TimeUs, IReadOnlyDictionary<string, string> Info, string[]? MissingCommands, string? SavePoints)
{
    private static readonly Version _young = new(7, 0);

    /// <summary>Reads the reply of the script and, if there is one, that of <c>CONFIG GET save</c>.</summary>
    public static ServerReport Read(in RedisReply reply, RedisReply? save)
    {
        var info = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < reply[1].Length; i++)
        {
            RedisReply section = reply[1][i];
            if (section.IsError || section.IsArray || section.IsNull) continue;
            foreach (string line in section.Text.Split('\n', StringSplitOptions.TrimEntries))
            {
                if (line.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon) info[line[..colon]] = line[(colon + 1)..];
            }
        }

        string[]? missing = reply.Length > 2 && reply[2].IsArray ? reply[2].Texts : null;
        string? points = save is { IsArray: true, Length: > 1 } map ? map[1].Text : null;
        return new ServerReport(reply[0].Number, info, missing, points);
    }

    /// <summary>What is to be told.</summary>
    /// <param name="clock">What is to be told of its clock, if anything is.</param>
    public List<StoreWarning> Warnings(StoreWarning? clock)
    {
        var warnings = new List<StoreWarning>();
        if (Field("role") is { } role && role != "master")
            Add("replica", "The server is a read-only replica: nothing can be written. Connect to the primary.");
        if (MissingCommands is { Length: > 0 } missing)
            Add("commands-missing", $"The server does not have {string.Join(", ", missing)}: disabled or renamed. What needs them fails.");
        if (Field("maxmemory_policy") is { } policy && policy != "noeviction")
            Add("may-evict", $"The server's maxmemory-policy is {policy}, so it may delete timers and locks when it is full. Set it to noeviction.");
        if (Field("aof_enabled") == "0" && SavePoints is "")
            Add("no-persistence", "The server keeps nothing on disk: a restart loses all timers. Set appendonly yes.");
        if (Field("rdb_last_bgsave_status") == "err" || Field("aof_last_write_status") == "err" || Field("aof_last_bgrewrite_status") == "err")
            Add("persistence-fails", "The server could not write to its disk the last time; see its log.");
        if (Field("server_name") != "valkey" && Version.TryParse(Field("redis_version"), out Version? version) && version < _young)
            Add("old-version", $"The server is Redis {version}, which is old. It works, but is no longer maintained.");
        if (clock is not null) warnings.Add(clock);
        return warnings;

        string? Field(string name) => Info.GetValueOrDefault(name);

        void Add(string code, string message) => warnings.Add(new StoreWarning(code, message));
    }
}
