using System.Globalization;
using Latchwork.Faults.Injection;
using Latchwork.StoreConformance.Support;
using Npgsql;

namespace Latchwork.Faults.Running;

/// <summary>One PostgreSQL server, with a proxy before each worker.</summary>
internal sealed class PostgresStand : Stand
{
    // Without encryption, so that the proxies can read what passes.
    private const string Query = "?SSL_Mode=Disable&GSS_Encryption_Mode=Disable&Timeout=2";

    private readonly PostgresServer _server;
    private readonly NpgsqlDataSource _administrator;
    private readonly WorkerProxy[] _proxies;

    private PostgresStand(PostgresServer server, string version, int workers)
    {
        _server = server;
        _administrator = NpgsqlDataSource.Create(server.ConnectionString + ";Application Name=harness;Pooling=false;Timeout=60;Command Timeout=60");
        Version = version;
        _proxies = [.. Enumerable.Range(0, workers).Select(_ => new WorkerProxy(server.Port, static () => new PostgresFilter()))];
    }

    public override IReadOnlyCollection<FaultKind> Faults { get; } =
    [
        FaultKind.Kill, FaultKind.Stop, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Clock, FaultKind.Stall, FaultKind.Cut, FaultKind.Throttle, FaultKind.DropNotifications,
        FaultKind.Connections, FaultKind.Restart, FaultKind.Freeze, FaultKind.Burst,
    ];

    public override string Version { get; }

    public override string Uri => _server.Uri + Query;

    public static async Task<PostgresStand> LaunchAsync(int workers)
    {
        // What a killed process has written, the operating system has. Only a page that was half written must be mended by the log.
        PostgresServer server = await PostgresServer.StartAsync("full_page_writes=on");
        await using NpgsqlConnection connection = new(server.ConnectionString);
        await connection.OpenAsync();
        await using NpgsqlCommand own = new("CREATE SCHEMA own; CREATE TABLE own.posted (version text PRIMARY KEY); CREATE TABLE own.handled (version text PRIMARY KEY, token text NOT NULL)", connection);
        await own.ExecuteNonQueryAsync();
        return new PostgresStand(server, $"PostgreSQL {connection.PostgreSqlVersion.ToString(2)}, synchronous_commit on", workers);
    }

    public override WorkerProxy ProxyOf(int worker) => _proxies[worker];

    public override string UriOf(int worker) => string.Create(CultureInfo.InvariantCulture, $"postgres://postgres@127.0.0.1:{_proxies[worker].Port}/postgres{Query}");

    public override string VariantOf(PlannedFault fault) => fault.Kind == FaultKind.Restart ? (IsStopped(fault) ? "Stopped" : "Killed") : "";

    public override async Task HurtAsync(PlannedFault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Connections:
                await using (NpgsqlCommand end = _administrator.CreateCommand("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"))
                    await end.ExecuteNonQueryAsync();
                break;
            case FaultKind.Restart:
                if (IsStopped(fault)) _server.Stop();
                else _server.Kill();
                await Task.Delay(fault.Duration);
                await _server.StartAgainAsync();
                break;
            case FaultKind.Freeze:
                _server.Freeze();
                await Task.Delay(fault.Duration);
                _server.Thaw();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to PostgreSQL.");
        }
    }

    public override async Task<IReadOnlyList<string>> CompareAsync(string folder)
    {
        var posted = new HashSet<string>(StringComparer.Ordinal);
        var handled = new Dictionary<string, string>(StringComparer.Ordinal);
        await using NpgsqlConnection connection = await _administrator.OpenConnectionAsync();
        await using (NpgsqlCommand read = new("SELECT version FROM own.posted", connection))
        await using (NpgsqlDataReader rows = await read.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync()) posted.Add(rows.GetString(0));
        }

        await using (NpgsqlCommand read = new("SELECT version, token FROM own.handled", connection))
        await using (NpgsqlDataReader rows = await read.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync()) handled.Add(rows.GetString(0), rows.GetString(1));
        }

        return [.. new OwnRows(posted, handled).Compare(folder)];
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (WorkerProxy proxy in _proxies) await proxy.DisposeAsync();
        await _administrator.DisposeAsync();
        await _server.DisposeAsync();
    }

    // In good order, as by pg_ctl: connections are told why they end. Or all processes are killed.
    private static bool IsStopped(PlannedFault fault) => fault.Variant % 3 == 2;
}
