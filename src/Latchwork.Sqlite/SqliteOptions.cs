using Latchwork.Configuration;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>What an acknowledged operation survives: SQLite's <c>PRAGMA synchronous</c> with a write-ahead log. The file is never damaged by either.</summary>
public enum SqliteSynchronous
{
    /// <summary>
    /// It survives the death of every process at any moment. A crash of the operating system or a loss of power may undo what was
    /// acknowledged in the last moments before it.
    /// </summary>
    Normal = 0,

    /// <summary>It also survives a crash of the operating system and a loss of power, if the disk keeps its promises. Costs one sync of the disk for each group of operations.</summary>
    Full = 1,
}

/// <summary>The settings of a <see cref="SqliteStore"/>. Checked when it is opened; all failures are named together.</summary>
public sealed class SqliteOptions
{
    /// <summary>The default of <see cref="BusyTimeout"/>: 30 s.</summary>
    public static readonly TimeSpan DefaultBusyTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The default of <see cref="MaxQueued"/>.</summary>
    public const int DefaultMaxQueued = 100_000;

    /// <summary>What each of them may be.</summary>
    internal static OptionSet<SqliteOptions> Set { get; } = new OptionSet<SqliteOptions>(static () => new())
        .Choice<SqliteSynchronous>(nameof(Synchronous), static o => o.Synchronous, static (o, value) => o.Synchronous = value)
        .Flag(nameof(Migrate), static o => o.Migrate, static (o, value) => o.Migrate = value)
        .Duration(nameof(BusyTimeout), TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10), static o => o.BusyTimeout, static (o, value) => o.BusyTimeout = value)
        .Number(nameof(MaxQueued), 1, 10_000_000, static o => o.MaxQueued, static (o, value) => o.MaxQueued = value)
        .Number(nameof(CheckpointPages), 100, 1_000_000, static o => o.CheckpointPages, static (o, value) => o.CheckpointPages = value);

    /// <summary>
    /// What an acknowledged operation survives. Default: <see cref="SqliteSynchronous.Full"/>. What no promise depends on (claims, leases and
    /// their renewal, a listener's sign of life) is never synced: after a loss of power no process that held a lease is alive.
    /// </summary>
    public SqliteSynchronous Synchronous { get; set; } = SqliteSynchronous.Full;

    /// <summary>
    /// Whether opening makes a file that is not there, and brings the tables of an earlier version up to date, which programs of that version may refuse from then on. Default:
    /// true. If not, such a file is not changed: opening fails and says how to migrate.
    /// </summary>
    public bool Migrate { get; set; } = true;

    /// <summary>How long an operation waits while another process writes, before it fails with a transient <see cref="LatchworkStoreException"/>: 10 ms to 10 min; default 30 s.</summary>
    public TimeSpan BusyTimeout { get; set; } = DefaultBusyTimeout;

    /// <summary>The most operations that wait for the database in this process; beyond it they are refused: 1 to 10,000,000; default 100,000.</summary>
    public int MaxQueued { get; set; } = DefaultMaxQueued;

    /// <summary>The size of the write-ahead log, in pages of 4 KiB, from which on it is moved into the file: 100 to 1,000,000; default 4,000 (16 MiB). More means fewer syncs and a longer pause for each.</summary>
    public int CheckpointPages { get; set; } = 4_000;

    /// <summary>The clock that the store goes by. Default: null, the machine's. All processes that share the file must go by the same.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Where the store logs to. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }
}
