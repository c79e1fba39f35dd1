using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Benchmarks.Harness;

/// <summary>
/// The one server of a run, <c>redis-server</c> or the one that <c>REDIS_SERVER</c> names: on a free port, without persistence, ended by its process id.
/// </summary>
internal sealed class RedisProcess : IDisposable
{
    private static RedisProcess? _running;
    private readonly Process _process;
    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-bench-").FullName;

    public RedisProcess()
    {
        Port = FreePort();
        string program = RedisProgram.Server;
        _process = Process.Start(new ProcessStartInfo(
            program,
            ["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _folder, "--save", "", "--appendonly", "no"])
        {
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException($"{program} did not start.");
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _running = this;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => EndAll();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Connection = new RawConnection(Port);
                break;
            }
            catch (SocketException) when (attempt < 100 && !_process.HasExited)
            {
                Thread.Sleep(50);
            }
        }
    }

    public int Port { get; }

    public string Uri => $"redis://127.0.0.1:{Port}";

    /// <summary>The harness's own connection.</summary>
    public RawConnection Connection { get; }

    /// <summary>Its version, and that it is Valkey if it is: <c>7.2.4</c>, <c>Valkey 8.0.1</c>.</summary>
    public string Version
    {
        get
        {
            IReadOnlyDictionary<string, string> info = Info("server");
            return info.TryGetValue("valkey_version", out string? valkey) ? $"Valkey {valkey}" : info["redis_version"];
        }
    }

    /// <summary>Ends the server, however this process ends.</summary>
    public static void EndAll() => Interlocked.Exchange(ref _running, null)?.Dispose();

    /// <summary>Deletes everything, and waits until the memory is free again.</summary>
    public void Clear() => Connection.Ask("FLUSHALL", "SYNC");

    public IReadOnlyDictionary<string, string> Info(string section)
    {
        var all = new Dictionary<string, string>();
        foreach (string line in Connection.Ask("INFO", section)!.Split("\r\n"))
        {
            if (line.Split(':', 2) is [var key, var value]) all[key] = value;
        }

        return all;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
