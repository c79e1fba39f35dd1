using System.Globalization;
using Latchwork.Faults.Injection;
using Latchwork.StoreConformance.Support;
using Npgsql;

namespace Latchwork.Faults.Running;

/// <summary>
/// A PostgreSQL server with a synchronous standby, and a proxy before each worker, which leads to whichever is the primary. What the store has is on a small disk of
/// its own where that can be mounted.
/// </summary>
internal sealed class PostgresStand : Stand
{
    // Without encryption, so that the proxies can read what passes.
    private const string Query = "?SSL_Mode=Disable&GSS_Encryption_Mode=Disable&Timeout=2";

    private const int DiskKilobytes = 256 << 10;
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(2);

    // What a killed process has written, the operating system has. Only a page that was half written must be mended by the log.
    private static readonly string[] _settings = ["full_page_writes=on", "wal_retrieve_retry_interval=100ms"];

    private readonly WorkerProxy[] _proxies;
    private (PostgresServer Server, SmallDisk? Disk) _primary, _standby;

    private PostgresStand((PostgresServer Server, SmallDisk? Disk) primary, (PostgresServer Server, SmallDisk? Disk) standby, string version, int workers)
    {
        (_primary, _standby) = (primary, standby);
        Version = version;
        _proxies = [.. Enumerable.Range(0, workers).Select(_ => new WorkerProxy(() => _primary.Server.Port, static () => new PostgresFilter()))];
    }

    public override IReadOnlyCollection<FaultKind> Faults =>
    [
        FaultKind.Kill, FaultKind.Stop, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Clock, FaultKind.Stall, FaultKind.Cut, FaultKind.Throttle, FaultKind.DropNotifications,
        FaultKind.Connections, FaultKind.Restart, FaultKind.Freeze, FaultKind.Failover, FaultKind.Burst, .. _primary.Disk is null ? Array.Empty<FaultKind>() : [FaultKind.Disk],
    ];

    public override string? Missing => _primary.Disk is null ? "disk (a file system of its own needs root on Linux)" : null;

    public override string Version { get; }

    public override string Uri => _primary.Server.Uri + Query;

    public static async Task<PostgresStand> LaunchAsync(int workers)
    {
        (PostgresServer Server, SmallDisk? Disk) primary = (await PostgresServer.StartAsync(_settings), NewDisk());
        if (primary.Disk is not null)
        {
            await primary.Server.RunAsync($"CREATE TABLESPACE small LOCATION '{PlaceOf(primary.Disk)}'");
            await primary.Server.RunAsync("ALTER DATABASE postgres SET default_tablespace = 'small'");
        }

        await primary.Server.RunScriptAsync("CREATE SCHEMA own; CREATE TABLE own.posted (version text PRIMARY KEY); CREATE TABLE own.handled (version text PRIMARY KEY, token text NOT NULL);");
        SmallDisk? copy = NewDisk();
        PostgresServer standby = await PostgresServer.FollowAsync(primary.Server, TablespaceOf(primary.Disk, copy), _settings);
        await SynchronizeAsync(primary.Server);
        await using NpgsqlConnection connection = new(primary.Server.ConnectionString);
        await connection.OpenAsync();
        return new PostgresStand(primary, (standby, copy), $"PostgreSQL {connection.PostgreSqlVersion.ToString(2)}, synchronous_commit on, 1 synchronous standby", workers);
    }

    public override WorkerProxy ProxyOf(int worker) => _proxies[worker];

    public override string UriOf(int worker) => string.Create(CultureInfo.InvariantCulture, $"postgres://postgres@127.0.0.1:{_proxies[worker].Port}/postgres{Query}");

    public override string VariantOf(PlannedFault fault) => fault.Kind switch
    {
        FaultKind.Restart => IsStopped(fault) ? "Stopped" : "Killed",
        FaultKind.Failover => (IsFrozen(fault) ? "Frozen" : "Killed") + (IsAsynchronous(fault) ? "Asynchronous" : "Synchronous"),
        _ => "",
    };

    // Until the fault begins, everything that was acknowledged is on the standby.
    public override long? LossWindowOf(PlannedFault fault) => fault.Kind == FaultKind.Failover && IsAsynchronous(fault) ? 0 : null;

    public override async Task HurtAsync(PlannedFault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Connections:
                await _primary.Server.RunAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
                break;
            case FaultKind.Restart:
                if (IsStopped(fault)) _primary.Server.Stop();
                else _primary.Server.Kill();
                await Task.Delay(fault.Duration);
                await _primary.Server.StartAgainAsync();
                await IsSynchronousAsync(_primary.Server); // until then nobody's commit is acknowledged
                break;
            case FaultKind.Freeze:
                _primary.Server.Freeze();
                await Task.Delay(fault.Duration);
                _primary.Server.Thaw();
                break;
            case FaultKind.Failover:
                await FailOverAsync(fault);
                break;
            case FaultKind.Disk:
                _primary.Disk!.Fill();
                await Task.Delay(fault.Duration);
                _primary.Disk.Empty();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to PostgreSQL.");
        }
    }

    public override async Task<IReadOnlyList<string>> CompareAsync(string folder)
    {
        var posted = new HashSet<string>(StringComparer.Ordinal);
        var handled = new Dictionary<string, string>(StringComparer.Ordinal);
        await using NpgsqlConnection connection = new(_primary.Server.ConnectionString + ";Pooling=false;Timeout=60;Command Timeout=60");
        await connection.OpenAsync();
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
        foreach ((PostgresServer server, SmallDisk? disk) in ((PostgresServer, SmallDisk?)[])[_standby, _primary])
        {
            await server.DisposeAsync();
            disk?.Dispose();
        }
    }

    private async Task FailOverAsync(PlannedFault fault)
    {
        if (IsAsynchronous(fault))
        {
            await _primary.Server.SetAsync("synchronous_standby_names", "");
            await Task.Delay(fault.Duration);
        }

        // A frozen primary is killed before it could continue: whoever lets two of them run has two truths.
        if (IsFrozen(fault)) _primary.Server.Freeze();
        else _primary.Server.Kill();
        await _standby.Server.PromoteAsync();
        _primary.Server.Kill();
        (_primary, _standby) = (_standby, _primary);
        await Task.Delay(fault.Duration);

        // The old primary may have what the new one never got, so it begins anew.
        if (_standby.Disk is { } disk) PrepareDisk(disk);
        await _standby.Server.FollowAgainAsync(_primary.Server, TablespaceOf(_primary.Disk, _standby.Disk));
        await SynchronizeAsync(_primary.Server);
    }

    // From then on a commit is acknowledged when the standby has it, too.
    private static async Task SynchronizeAsync(PostgresServer primary)
    {
        await primary.SetAsync("synchronous_standby_names", "*");
        await IsSynchronousAsync(primary);
    }

    private static Task IsSynchronousAsync(PostgresServer primary) =>
        Eventually.ReadsAsync(primary.StandbyAsync, static state => state == "sync", "the standby follows, synchronously", _timeout);

    private static SmallDisk? NewDisk()
    {
        if (!SmallDisk.IsPossible) return null;
        var disk = new SmallDisk(DiskKilobytes);
        PrepareDisk(disk);
        return disk;
    }

    private static void PrepareDisk(SmallDisk disk)
    {
        if (Directory.Exists(PlaceOf(disk))) Directory.Delete(PlaceOf(disk), recursive: true);
        PostgresServer.Give(Directory.CreateDirectory(PlaceOf(disk)).FullName);
    }

    private static string PlaceOf(SmallDisk disk) => Path.Combine(disk.Folder, "tablespace");

    private static (string From, string To)? TablespaceOf(SmallDisk? from, SmallDisk? to) => from is null || to is null ? null : (PlaceOf(from), PlaceOf(to));

    private static bool IsAsynchronous(PlannedFault fault) => fault.Variant % 2 == 1;

    private static bool IsFrozen(PlannedFault fault) => fault.Variant / 2 % 2 == 1;

    // In good order, as by pg_ctl: connections are told why they end. Or all processes are killed.
    private static bool IsStopped(PlannedFault fault) => fault.Variant % 3 == 2;
}
