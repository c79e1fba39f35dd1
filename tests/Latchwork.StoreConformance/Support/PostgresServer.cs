using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Latchwork.StoreConformance.Support;

/// <summary>
/// A real PostgreSQL, of the installed version or the one that <c>POSTGRES_BIN</c> names, with a folder of its own. Disposing it ends the server and
/// removes the folder. Its superuser is <c>postgres</c>, without a password.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const int SigInt = 2, SigQuit = 3, SigKill = 9;
    private const string Ready = "database system is ready to accept"; // connections, or read-only connections of a standby

    private static readonly int _sigstop = OperatingSystem.IsMacOS() ? 17 : 19;
    private static readonly int _sigcont = OperatingSystem.IsMacOS() ? 19 : 18;
    private static readonly Lazy<Task<PostgresServer>> _shared = new(() => StartAsync());
    private static readonly ConcurrentDictionary<PostgresServer, bool> _running = new();
    private readonly StringBuilder _output = new();
    private readonly string[] _settings;
    private TaskCompletionSource _ready = new();
    private Process? _process;

    static PostgresServer() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (PostgresServer server in _running.Keys) server.End();
    };

    private PostgresServer(string[] settings)
    {
        _settings = settings;
        Folder = Directory.CreateTempSubdirectory("lw-postgres-").FullName;
    }

    /// <summary>The TCP port on 127.0.0.1.</summary>
    public int Port { get; private set; }

    /// <summary>Where it keeps its files.</summary>
    public string Folder { get; }

    /// <summary>The process id.</summary>
    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("The server is not running.");

    /// <summary>The connection string of its superuser.</summary>
    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=postgres;Database=postgres");

    /// <summary>The same as an address.</summary>
    public string Uri => string.Create(CultureInfo.InvariantCulture, $"postgres://postgres@127.0.0.1:{Port}/postgres");

    /// <summary>One server for all tests of this process that do it no harm; it ends with the process.</summary>
    public static Task<PostgresServer> SharedAsync() => _shared.Value;

    /// <summary>Starts a server and waits until it answers. It does not sync its files, unless a setting says so.</summary>
    /// <param name="settings">More settings: <c>"max_connections=5"</c>.</param>
    public static async Task<PostgresServer> StartAsync(params string[] settings)
    {
        var server = new PostgresServer(settings);
        try
        {
            PostgresProgram.Give(server.Folder);
            await RunAsync("initdb", ["-D", server.DataFolder, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
            for (int attempt = 1; ; attempt++)
            {
                server.Port = RedisServer.FreePort();
                try
                {
                    await server.LaunchAsync();
                    return server;
                }
                catch (InvalidOperationException e) when (attempt < 5 && e.Message.Contains("Address already in use", StringComparison.Ordinal))
                {
                    server.Forget(); // Somebody else took the port in the meantime.
                }
            }
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a standby that streams from a server, with a port and a folder of its own.</summary>
    /// <param name="primary">The server.</param>
    /// <param name="tablespace">Where the primary has a tablespace, and where the standby is to have its copy of it; null if there is none.</param>
    /// <param name="settings">More settings. They must suit those of the primary.</param>
    public static async Task<PostgresServer> FollowAsync(PostgresServer primary, (string From, string To)? tablespace = null, params string[] settings)
    {
        var standby = new PostgresServer(settings);
        try
        {
            PostgresProgram.Give(standby.Folder);
            standby.Port = RedisServer.FreePort();
            await standby.FollowAgainAsync(primary, tablespace);
            return standby;
        }
        catch
        {
            await standby.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes of a server that has ended a standby, on its former port. What it had is thrown away.</summary>
    /// <param name="primary">What it is to stream from.</param>
    /// <param name="tablespace">As in <see cref="FollowAsync"/>.</param>
    public async Task FollowAgainAsync(PostgresServer primary, (string From, string To)? tablespace = null)
    {
        if (Directory.Exists(DataFolder)) Directory.Delete(DataFolder, recursive: true);
        string port = primary.Port.ToString(CultureInfo.InvariantCulture);
        string[] moved = tablespace is { } place ? [$"--tablespace-mapping={place.From}={place.To}"] : [];
        await RunAsync("pg_basebackup", ["-D", DataFolder, "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync", .. moved]);
        await LaunchAsync();
    }

    /// <summary>Makes a standby the primary.</summary>
    public Task PromoteAsync() => RunAsync("pg_ctl", ["promote", "-w", "-D", DataFolder]);

    /// <summary>Whether, and how, a standby streams from this server: <c>sync</c>, <c>async</c>, or nothing.</summary>
    public Task<string> StandbyAsync() => AskAsync("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'");

    /// <summary>Whether the standby has received all that was written.</summary>
    public async Task<bool> HasStandbyAllAsync() => await AskAsync("SELECT flush_lsn >= pg_current_wal_lsn() FROM pg_stat_replication") == "t";

    private async Task<string> AskAsync(string query)
    {
        using Process process = Start("psql", [.. PsqlArguments, "-Atc", query]);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? (await output).Trim() : throw new InvalidOperationException($"psql failed:\n{await errors}");
    }

    /// <summary>Executes statements with psql, each by itself, on a connection of its own.</summary>
    public Task RunAsync(params string[] statements) => RunAsync("psql", [.. PsqlArguments, .. statements.SelectMany(static statement => (string[])["-c", statement])]);

    /// <summary>Sets something that needs no restart.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="value">Its value.</param>
    public Task SetAsync(string name, string value) => RunAsync($"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()");

    /// <summary>Gives a folder to the user that servers run as.</summary>
    public static void Give(string folder) => PostgresProgram.Give(folder);

    /// <summary>Runs a script with psql, in one transaction.</summary>
    public async Task RunScriptAsync(string script)
    {
        string file = Path.Combine(Folder, $"{Guid.NewGuid():N}.sql");
        await File.WriteAllTextAsync(file, script);
        PostgresProgram.Give(file);
        await RunAsync("psql", [.. PsqlArguments, "--single-transaction", "-f", file]);
    }

    /// <summary>Starts it again on the same port and folder.</summary>
    public Task StartAgainAsync() => LaunchAsync();

    /// <summary>Ends all its processes immediately, like a crash.</summary>
    public void Kill()
    {
        if (_process is not { } process) return;
        _ = Signal(process.Id, _sigstop); // so that it starts no other process meanwhile
        foreach (int child in Children(process.Id)) _ = Signal(child, SigKill);
        End(SigKill);
    }

    /// <summary>Ends it in good order; connections are cut.</summary>
    public void Stop() => End(SigInt);

    /// <summary>Freezes its processes (SIGSTOP): connections stay open, nothing answers.</summary>
    public void Freeze()
    {
        foreach (int id in (int[])[ProcessId, .. Children(ProcessId)]) _ = Signal(id, _sigstop);
    }

    /// <summary>Lets it go on after <see cref="Freeze"/>.</summary>
    public void Thaw()
    {
        foreach (int id in (int[])[.. Children(ProcessId), ProcessId]) _ = Signal(id, _sigcont);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        End();
        return ValueTask.CompletedTask;
    }

    private string DataFolder => Path.Combine(Folder, "data");

    private string[] PsqlArguments => ["-h", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q"];

    private async Task LaunchAsync()
    {
        _ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string[] settings = ["listen_addresses=127.0.0.1", $"unix_socket_directories={Folder}", "max_connections=400", "max_prepared_transactions=10", "shared_buffers=64MB", "fsync=off", "full_page_writes=off", .. _settings];
        string[] arguments = ["-D", DataFolder, "-p", Port.ToString(CultureInfo.InvariantCulture), .. settings.SelectMany(setting => (string[])["-c", setting])];
        Process process = Start("postgres", arguments);
        _process = process;
        _running.TryAdd(this, true);
        process.ErrorDataReceived += (_, e) => Hear(e.Data);
        process.OutputDataReceived += (_, e) => Hear(e.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        Task ended = process.WaitForExitAsync();
        await Task.WhenAny(_ready.Task, ended).WaitAsync(TimeSpan.FromMinutes(2));
        if (!_ready.Task.IsCompletedSuccessfully) throw new InvalidOperationException($"PostgreSQL did not start:\n{Output}");
    }

    private string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    private void Hear(string? line)
    {
        if (line is null) return;
        lock (_output)
        {
            if (_output.Length > 1_000_000) _output.Clear();
            _output.AppendLine(line);
        }

        if (line.Contains(Ready, StringComparison.Ordinal)) _ready.TrySetResult();
    }

    private void End()
    {
        End(SigQuit);
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (IOException)
        {
            // A process of the server may still be writing its last words; the folder is a temporary one.
        }
    }

    private void Forget()
    {
        _process?.Dispose();
        _process = null;
        _running.TryRemove(this, out _);
        lock (_output) _output.Clear();
    }

    private void End(int signal)
    {
        if (_process is not { } process) return;
        _process = null;
        _running.TryRemove(this, out _);
        if (signal != SigKill)
        {
            // A frozen one could not end.
            foreach (int child in Children(process.Id)) _ = Signal(child, _sigcont);
            _ = Signal(process.Id, _sigcont);
        }

        _ = Signal(process.Id, signal);
        process.WaitForExit();
        process.Dispose();
    }

    private static async Task RunAsync(string program, IEnumerable<string> arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} failed:\n{await output}\n{await errors}");
    }

    private static Process Start(string program, IEnumerable<string> arguments)
    {
        try
        {
            return Process.Start(PostgresProgram.Start(program, arguments)) ?? throw new InvalidOperationException($"{program} could not be started.");
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"{program} could not be started: {e.Message}. Install PostgreSQL (Debian: apt-get install postgresql).", e);
        }
    }

    /// <summary>The processes that a process has started.</summary>
    private static int[] Children(int parent)
    {
        string file = string.Create(CultureInfo.InvariantCulture, $"/proc/{parent}/task/{parent}/children");
        return File.Exists(file)
            ? [.. File.ReadAllText(file).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))]
            : [];
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
