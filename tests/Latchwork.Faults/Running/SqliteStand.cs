using Latchwork.Faults.Injection;
using Latchwork.StoreConformance.Support;
using Microsoft.Data.Sqlite;

namespace Latchwork.Faults.Running;

/// <summary>A file that all workers share: on a small disk of its own where that can be mounted, otherwise in a folder.</summary>
internal sealed class SqliteStand : Stand
{
    private const int DiskKilobytes = 128 << 10;
    private readonly SmallDisk? _disk;
    private readonly string? _folder;
    private readonly string _path;

    public SqliteStand()
    {
        if (SmallDisk.IsPossible)
        {
            _disk = new SmallDisk(DiskKilobytes);
            _path = _disk.Database;
        }
        else
        {
            _folder = Directory.CreateTempSubdirectory("lw-faults-").FullName;
            _path = Path.Combine(_folder, "latchwork.db");
        }
    }

    public override IReadOnlyCollection<FaultKind> Faults =>
        [FaultKind.Kill, FaultKind.Stop, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Busy, FaultKind.Burst, .. _disk is null ? Array.Empty<FaultKind>() : [FaultKind.Disk]];

    public override string? Missing => _disk is null ? "disk (a file system of its own needs root on Linux)" : null;

    public override string Version
    {
        get
        {
            using var connection = new SqliteConnection("Data Source=:memory:");
            connection.Open();
            return $"SQLite {connection.ServerVersion}";
        }
    }

    public override string Uri => $"sqlite:{_path}";

    public override async Task HurtAsync(PlannedFault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Disk:
                // A log that was moved into the file is written over from its start, without asking for room: so it is cut off first.
                await WithDatabaseAsync(execute =>
                {
                    execute("PRAGMA wal_checkpoint(TRUNCATE)");
                    return Task.CompletedTask;
                });
                _disk!.Fill();
                await Task.Delay(fault.Duration);
                _disk.Empty();
                break;
            case FaultKind.Busy:
                await WithDatabaseAsync(async execute =>
                {
                    execute("BEGIN IMMEDIATE");
                    await Task.Delay(fault.Duration);
                    execute("ROLLBACK");
                });
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to a file.");
        }
    }

    public override ValueTask DisposeAsync()
    {
        _disk?.Dispose();
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task WithDatabaseAsync(Func<Action<string>, Task> act)
    {
        using var connection = new SqliteConnection($"Data Source={_path};Pooling=false;Default Timeout=60");
        connection.Open();
        await act(sql =>
        {
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        });
    }
}
