using System.Globalization;

namespace Latchwork.Benchmarks.Harness;

/// <summary>What the server did between two looks: commands, bytes, CPU. The looks themselves are not counted.</summary>
/// <param name="Sent">Commands that clients sent: scripts count once, and what they call does not.</param>
/// <param name="Run">Commands that ran, those inside scripts included.</param>
/// <param name="BytesIn">Bytes that clients sent.</param>
/// <param name="BytesOut">Bytes that the server sent.</param>
/// <param name="Cpu">CPU time in seconds.</param>
internal readonly record struct ServerWork(double Sent, double Run, double BytesIn, double BytesOut, double Cpu)
{
    public static ServerWork operator -(ServerWork a, ServerWork b) =>
        new(a.Sent - b.Sent, a.Run - b.Run, a.BytesIn - b.BytesIn, a.BytesOut - b.BytesOut, a.Cpu - b.Cpu);
}

internal static class ServerMeter
{
    /// <summary>Looks at the server. <see cref="ServerWork.Sent"/> supposes that clients use scripts, pub/sub and blocking commands only besides what scripts call.</summary>
    public static ServerWork Look(RedisProcess server)
    {
        RawConnection connection = server.Connection;
        IReadOnlyDictionary<string, string> commands = server.Info("commandstats");
        double run = 0, sent = 0;
        foreach ((string key, string value) in commands)
        {
            if (!key.StartsWith("cmdstat_", StringComparison.Ordinal)) continue;
            string name = key["cmdstat_".Length..];
            double calls = double.Parse(value.Split(',')[0].Split('=')[1], CultureInfo.InvariantCulture);
            if (name is "info" or "flushall") continue;
            run += calls;
            if (name is "evalsha" or "eval" or "fcall" or "subscribe" or "unsubscribe" or "hello" or "ping" or "bzpopmin" or "client|setinfo" or "script|load") sent += calls;
        }

        IReadOnlyDictionary<string, string> cpu = server.Info("cpu");
        // The statistics are of the moment before this reply goes out.
        long received = connection.BytesReceived;
        IReadOnlyDictionary<string, string> stats = server.Info("stats");
        return new ServerWork(
            sent,
            run,
            Number(stats, "total_net_input_bytes") - connection.BytesSent,
            Number(stats, "total_net_output_bytes") - received,
            Number(cpu, "used_cpu_user") + Number(cpu, "used_cpu_sys"));
    }

    private static double Number(IReadOnlyDictionary<string, string> info, string field) => double.Parse(info[field], CultureInfo.InvariantCulture);
}
