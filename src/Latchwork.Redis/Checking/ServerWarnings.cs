namespace Latchwork.Redis.Checking;

/// <summary>What an operator should know of a server, in words.</summary>
internal static class ServerWarnings
{
    private static readonly Version _young = new(7, 0);

    /// <summary>The warnings for what a server says.</summary>
    /// <param name="report">What it says.</param>
    /// <param name="wentBack">By how much its clock is behind what was seen of it before; zero if it is not.</param>
    public static List<StoreWarning> Of(ServerReport report, TimeSpan wentBack)
    {
        var warnings = new List<StoreWarning>();
        if (report.Field("role") is { } role && role != "master")
            Add("replica", "The server is a read-only replica: nothing can be written. Connect to the primary.");
        if (report.MissingCommands is { Length: > 0 } missing)
            Add("commands-missing", $"The server does not have {string.Join(", ", missing)}: disabled or renamed. What needs them fails.");
        if (report.Field("maxmemory_policy") is { } policy && policy != "noeviction")
            Add("may-evict", $"The server's maxmemory-policy is {policy}, so it may delete timers and locks when it is full. Set it to noeviction.");
        if (report.Field("aof_enabled") == "0" && report.SavePoints is "")
            Add("no-persistence", "The server keeps nothing on disk: a restart loses all timers. Set appendonly yes.");
        if (report.Field("rdb_last_bgsave_status") is "err" || report.Field("aof_last_write_status") is "err" || report.Field("aof_last_bgrewrite_status") is "err")
            Add("persistence-fails", "The server could not write to its disk the last time; see its log.");
        if (report.Field("server_name") != "valkey" && Version.TryParse(report.Field("redis_version"), out Version? version) && version < _young)
            Add("old-version", $"The server is Redis {version}, which is old. It works, but is no longer maintained.");
        if (wentBack > TimeSpan.Zero)
            Add("clock-back", $"The server's clock went back by {RedisFailures.Text(wentBack)}, after a failover perhaps. Timers go on by the time before; compare the clocks of the servers.");
        return warnings;

        void Add(string code, string message) => warnings.Add(new StoreWarning(code, string.Create(CultureInfo.InvariantCulture, $"{message}")));
    }
}
