using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Latchwork.Benchmarks.Harness;

/// <summary>The one <c>redis-server</c> of a run: on a free port, without persistence, ended by its process id.</summary>
internal sealed class RedisProcess : IDisposable
{
    private static RedisProcess? _running;
    private readonly Process _process;
    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-bench-").FullName;

    public RedisProcess()
    {
        Port = FreePort();
        _process = Process.Start(new ProcessStartInfo(
            "redis-server",
            ["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _folder, "--save", "", "--appendonly", "no"])
        {
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("redis-server did not start.");
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _running = this;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => EndAll();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Talk = new RedisTalk(Port);
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
    public RedisTalk Talk { get; }

    public string Version => Info("server")["redis_version"];

    /// <summary>Ends the server, however this process ends.</summary>
    public static void EndAll() => Interlocked.Exchange(ref _running, null)?.Dispose();

    /// <summary>Deletes everything, and waits until the memory is free again.</summary>
    public void Clear() => Talk.Ask("FLUSHALL", "SYNC");

    public IReadOnlyDictionary<string, string> Info(string section)
    {
        var all = new Dictionary<string, string>();
        foreach (string line in Talk.Ask("INFO", section)!.Split("\r\n"))
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
