using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Latchwork.StoreConformance.Support;

/// <summary>How a <see cref="RedisServer"/> is started.</summary>
public sealed record RedisServerOptions
{
    /// <summary>Listens on a unix socket in the temporary directory instead of TCP.</summary>
    public bool UnixSocket { get; init; }

    /// <summary>Keeps every write in an append-only file, so that a restart loses nothing.</summary>
    public bool AppendOnly { get; init; }

    /// <summary>The default user's password (<c>requirepass</c>).</summary>
    public string? Password { get; init; }

    /// <summary>Makes it a Sentinel: the lines of its configuration.</summary>
    public string? Sentinel { get; init; }

    /// <summary>Takes a port that leaves room for a cluster's bus: see <see cref="RedisServer.FreePortWithBus"/>.</summary>
    public bool HasBus { get; init; }

    /// <summary>More arguments: <c>["--maxmemory", "10mb"]</c>.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}

/// <summary>
/// A real server process, <c>redis-server</c> or the one that <c>REDIS_SERVER</c> names, with a directory of its own. Disposing it ends the process
/// and removes the directory.
/// </summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const int LowestPort = 10_000;
    private const int HighestPort = 32_000;
    private const int BusDistance = 10_000; // Before Redis 7 nothing else can be set.
    private static readonly int _sigstop = OperatingSystem.IsMacOS() ? 17 : 19;
    private static readonly int _sigcont = OperatingSystem.IsMacOS() ? 19 : 18;
    private static readonly ConcurrentDictionary<RedisServer, bool> _running = new();
    private readonly RedisServerOptions _options;
    private readonly StringBuilder _output = new();
    private Process? _process;
    private bool _isFrozen;

    static RedisServer() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (RedisServer server in _running.Keys) server.Kill();
    };

    private RedisServer(RedisServerOptions options)
    {
        _options = options;
        Folder = Directory.CreateTempSubdirectory("lw-redis-").FullName;
        if (options.UnixSocket) UnixSocketPath = Path.Combine(Folder, "redis.sock");
    }

    /// <summary>The TCP port on 127.0.0.1; 0 with a unix socket.</summary>
    public int Port { get; private set; }

    /// <summary>The unix socket, if it was asked for.</summary>
    public string? UnixSocketPath { get; }

    /// <summary>Where it keeps its files.</summary>
    public string Folder { get; }

    /// <summary>The process id.</summary>
    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("The server is not running.");

    /// <summary>Whether it runs and is not frozen.</summary>
    public bool IsAnswering => _process is not null && !_isFrozen;

    /// <summary>The URI to connect to, password included.</summary>
    public string Uri
    {
        get
        {
            string user = _options.Password is { } password ? $":{System.Uri.EscapeDataString(password)}@" : "";
            return UnixSocketPath is null ? $"redis://{user}127.0.0.1:{Port}" : $"unix://{user}{UnixSocketPath}";
        }
    }

    /// <summary>The same with such long times that no machine that stalls makes a command or a connection fail.</summary>
    public string LenientUri => Uri + "?commandTimeout=2m&connectTimeout=2m";

    /// <summary>Starts a server and waits until it answers.</summary>
    public static async Task<RedisServer> StartAsync(RedisServerOptions? options = null)
    {
        var server = new RedisServer(options ?? new RedisServerOptions());
        for (int attempt = 1; ; attempt++)
        {
            if (server.UnixSocketPath is null) server.Port = server._options.HasBus ? FreePortWithBus() : FreePort();
            try
            {
                await server.LaunchAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < 5 && server._output.ToString().Contains("Address already in use", StringComparison.Ordinal))
            {
                server._output.Clear(); // Somebody else took the port in the meantime.
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Ends the process immediately (SIGKILL), like a crash.</summary>
    public void Kill()
    {
        if (_process is not { } process) return;
        _process = null;
        _isFrozen = false;
        _running.TryRemove(this, out _);
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    /// <summary>Ends the process in good order (SHUTDOWN).</summary>
    public async Task StopAsync()
    {
        Process process = _process ?? throw new InvalidOperationException("The server is not running.");
        await SendAsync("SHUTDOWN");
        await process.WaitForExitAsync();
        Kill();
    }

    /// <summary>Starts it again on the same port and directory, after <see cref="Kill"/> or <see cref="StopAsync"/>.</summary>
    public Task StartAgainAsync() => LaunchAsync();

    /// <summary>Stops it in good order and starts it again.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    /// <summary>Freezes the process (SIGSTOP): connections stay open, nothing answers.</summary>
    public void Freeze()
    {
        _isFrozen = true;
        Signal(_sigstop);
    }

    /// <summary>Lets a frozen process go on (SIGCONT).</summary>
    public void Resume()
    {
        Signal(_sigcont);
        _isFrozen = false;
    }

    /// <summary>Sends a command on a connection of its own, which shares nothing with the code under test: see <see cref="RespClient"/>.</summary>
    /// <returns>The reply, as <c>redis-cli</c> prints it into a pipe, without the last line end.</returns>
    public async Task<string> CommandAsync(params string[] command) => Checked(await SendAsync(command), command);

    /// <summary>The same as a user of the access list.</summary>
    /// <param name="user">Who.</param>
    /// <param name="password">The password.</param>
    /// <param name="command">The command.</param>
    public async Task<string> CommandAsUserAsync(string user, string password, params string[] command) =>
        Checked(await RespClient.SendAsync(EndPoint, ["AUTH", user, password], command), command);

    /// <summary>A number out of INFO.</summary>
    public async Task<long> InfoAsync(string section, string field) => long.Parse(await InfoTextAsync(section, field), CultureInfo.InvariantCulture);

    /// <summary>The version of Redis that it is, or that it says to be like: Valkey 8 is like Redis 7.2.</summary>
    public async Task<Version> VersionAsync() => Version.Parse(await InfoTextAsync("server", "redis_version"));

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Kill();
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// A TCP port on 127.0.0.1 that is free now. It lies below those that the kernel gives to outgoing connections, so that none of these takes
    /// it while a server is away for a restart; another server still may take it before it is used.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(LowestPort, HighestPort);
            if (IsFree(port)) return port;
        }
    }

    /// <summary>The same for a member of a cluster: the port on which it talks to the others, 10,000 above, is free too, and lies below those as well.</summary>
    public static int FreePortWithBus()
    {
        while (true)
        {
            int port = Random.Shared.Next(LowestPort, HighestPort - BusDistance);
            if (IsFree(port) && IsFree(port + BusDistance)) return port;
        }
    }

    /// <summary>Where it is reached.</summary>
    public EndPoint EndPoint => UnixSocketPath is null ? new IPEndPoint(IPAddress.Loopback, Port) : new UnixDomainSocketEndPoint(UnixSocketPath);

    // A command that a login has not helped is refused, too.
    private Task<string> SendAsync(params string[] command) =>
        _options.Password is { } password ? RespClient.SendAsync(EndPoint, ["AUTH", password], command) : RespClient.SendAsync(EndPoint, command);

    private static string Checked(string reply, string[] command) =>
        reply.StartsWith("ERR", StringComparison.Ordinal) || reply.StartsWith("NOAUTH", StringComparison.Ordinal)
            ? throw new InvalidOperationException($"{string.Join(' ', command)}: {reply}")
            : reply;

    private static bool IsFree(int port)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }

    private static Process Run(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e) when (Path.IsPathFullyQualified(program))
        {
            throw new InvalidOperationException($"{RedisProgram.Variable} is '{program}', which does not start: {e.Message}", e);
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException(
                $"These tests need {program}, and it is not installed: run ./run-tests, or 'apt-get install redis-server' (macOS: 'brew install redis').", e);
        }
    }

    private async Task LaunchAsync()
    {
        List<string> arguments = _options.Sentinel is null
            ? ["--dir", Folder, "--save", "", "--appendonly", _options.AppendOnly ? "yes" : "no", "--appendfsync", "always"]
            : [await WriteConfigurationAsync(_options.Sentinel), "--sentinel", "--dir", Folder];
        arguments.AddRange(UnixSocketPath is null
            ? ["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1"]
            : ["--port", "0", "--unixsocket", UnixSocketPath]);
        if (_options.Password is { } password) arguments.AddRange(["--requirepass", password]);
        arguments.AddRange(_options.Arguments);
        string program = RedisProgram.Server;
        Process process = Run(program, arguments);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        _running[this] = true;

        await Eventually.ReadsAsync(
            async () =>
            {
                if (!process.HasExited) return await SendAsync("PING");
                await process.WaitForExitAsync();
                Kill();
                lock (_output) throw new InvalidOperationException($"{program} did not start:\n{_output}");
            },
            answer => answer == "PONG" || answer.Contains("NOAUTH", StringComparison.Ordinal),
            $"{program} answers PING");
    }

    private async Task<string> InfoTextAsync(string section, string field)
    {
        string info = await CommandAsync("INFO", section);
        return info.Split('\n').First(line => line.StartsWith(field + ":", StringComparison.Ordinal))[(field.Length + 1)..].Trim();
    }

    // A Sentinel keeps what it learns in its configuration, so after a restart it is left as it is.
    private async Task<string> WriteConfigurationAsync(string text)
    {
        string path = Path.Combine(Folder, "sentinel.conf");
        if (!File.Exists(path)) await File.WriteAllTextAsync(path, text);
        return path;
    }

    private void Keep(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }

    private void Signal(int signal)
    {
        if (NativeKill(ProcessId, signal) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
