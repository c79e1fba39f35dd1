using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Latchwork.StoreConformance.Support;
using Npgsql;

namespace Latchwork.Benchmarks.Harness;

/// <summary>
/// A PostgreSQL of the installed version, or the one that <c>POSTGRES_BIN</c> names, on a free port and in a temporary folder. Disposing it ends the server
/// by its process id; so does the end of this process.
/// </summary>
internal sealed class PostgresProcess : IAsyncDisposable
{
    private static readonly List<PostgresProcess> _running = [];
    private static int _databases;
    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-bench-").FullName;
    private readonly Queue<string> _output = new();
    private Process? _process;

    private PostgresProcess()
    {
    }

    public int Port { get; private set; }

    /// <summary>Its version: <c>15.18</c>.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Starts one with the defaults of PostgreSQL, except for 256 MB of shared buffers, 600 connections and what is given.</summary>
    /// <param name="settings">More settings: <c>fsync=off</c>.</param>
    public static async Task<PostgresProcess> StartAsync(params string[] settings)
    {
        var server = new PostgresProcess();
        try
        {
            PostgresProgram.Give(server._folder);
            string data = Path.Combine(server._folder, "data");
            using (Process initdb = Process.Start(PostgresProgram.Start("initdb", ["-D", data, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync"]))!)
            {
                Task<string> output = initdb.StandardOutput.ReadToEndAsync(), errors = initdb.StandardError.ReadToEndAsync();
                await initdb.WaitForExitAsync();
                if (initdb.ExitCode != 0) throw new InvalidOperationException($"initdb failed: {await output} {await errors}");
            }

            server.Port = FreePort();
            string[] all = ["listen_addresses=127.0.0.1", $"unix_socket_directories={server._folder}", "max_connections=600", "shared_buffers=256MB", .. settings];
            Process process = Process.Start(PostgresProgram.Start(
                "postgres", ["-D", data, "-p", server.Port.ToString(CultureInfo.InvariantCulture), .. all.SelectMany(setting => (string[])["-c", setting])]))!;
            server._process = process;
            lock (_running)
            {
                if (_running.Count == 0) AppDomain.CurrentDomain.ProcessExit += (_, _) => EndAll();
                _running.Add(server);
            }

            process.ErrorDataReceived += (_, line) => server.Keep(line.Data);
            process.OutputDataReceived += (_, line) => server.Keep(line.Data);
            process.BeginErrorReadLine();
            process.BeginOutputReadLine();
            await server.AnswersAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends all servers, however this process ends.</summary>
    public static void EndAll()
    {
        PostgresProcess[] all;
        lock (_running) all = [.. _running];
        foreach (PostgresProcess server in all) server.End();
    }

    /// <summary>A connection string of Npgsql.</summary>
    public string Connection(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=postgres;Database={database}");

    /// <summary>An address for clients of Node.js.</summary>
    public string Url(string database) => string.Create(CultureInfo.InvariantCulture, $"postgres://postgres@127.0.0.1:{Port}/{database}");

    /// <summary>Makes an empty database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"bench{Interlocked.Increment(ref _databases)}");
        await ExecuteAsync($"CREATE DATABASE {name}");
        return name;
    }

    /// <summary>Drops a database, whoever is connected to it.</summary>
    public Task DropDatabaseAsync(string name) => ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");

    public async Task ExecuteAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(Connection(database) + ";Pooling=false;Command Timeout=300");
        await connection.OpenAsync();
#pragma warning disable CA2100 // the harness's own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A number that a query gives.</summary>
    public async Task<double> NumberAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(Connection(database) + ";Pooling=false;Command Timeout=300");
        await connection.OpenAsync();
#pragma warning disable CA2100 // the harness's own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return Convert.ToDouble(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    /// <summary>How many transactions that wrote have ended up to now. Those that only read have no id, and looking takes none.</summary>
    public Task<double> WritesAsync() => NumberAsync("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::float8");

    /// <summary>How many statements clients sent to a database. Needs the setting <c>shared_preload_libraries=pg_stat_statements</c> and <see cref="CountStatementsAsync"/>.</summary>
    public Task<double> StatementsAsync(string database) =>
        NumberAsync($"SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = '{database}'");

    public Task CountStatementsAsync() => ExecuteAsync("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");

    public ValueTask DisposeAsync()
    {
        End();
        return ValueTask.CompletedTask;
    }

    private async Task AnswersAsync()
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(Connection("postgres") + ";Pooling=false;Timeout=5");
                await connection.OpenAsync();
                Version = connection.PostgreSqlVersion.ToString();
                return;
            }
            catch (NpgsqlException) when (!_process!.HasExited && Stopwatch.GetElapsedTime(start).TotalSeconds < 60)
            {
                await Task.Delay(50);
            }
            catch (NpgsqlException e)
            {
                lock (_output) throw new InvalidOperationException($"PostgreSQL did not start: {string.Join(' ', _output)}", e);
            }
        }
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output)
        {
            _output.Enqueue(line);
            if (_output.Count > 20) _output.Dequeue();
        }
    }

    private void End()
    {
        lock (_running) _running.Remove(this);
        if (Interlocked.Exchange(ref _process, null) is { } process)
        {
            if (!process.HasExited)
            {
                // An immediate shutdown, which ends its children too; killed, it would leave them for a moment.
                using Process? kill = Process.Start("kill", ["-QUIT", process.Id.ToString(CultureInfo.InvariantCulture)]);
                kill?.WaitForExit();
                if (!process.WaitForExit(10_000)) process.Kill(entireProcessTree: true);
            }

            process.Dispose();
        }

        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // It was ended before.
        }
        catch (IOException e)
        {
            Console.Error.WriteLine($"{_folder} could not be removed: {e.Message}");
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
