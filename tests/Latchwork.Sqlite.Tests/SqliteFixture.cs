using System.Globalization;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.StoreConformance.Support;
using Xunit;

// Most of a test's time is waiting. What measures, counts or blocks the thread pool is in collections that run alone.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
[assembly: TestCollectionOrderer(LongestFirst.Name, LongestFirst.Assembly)]

namespace Latchwork.Sqlite.Tests;

/// <summary>One file for all tests of a class, in a folder that is deleted at the end; each test has a namespace and a store of its own.</summary>
public sealed class SqliteFixture : StoreFixture, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("latchwork-");

    public string Path => System.IO.Path.Combine(_folder.FullName, "latchwork.db");

    /// <summary>Operations that only look write nothing down.</summary>
    public override bool LocksNoteTimeWhenSeen => false;

    public override Task<long> OutcomeBytesAsync(LatchworkStore store, string ns) => Task.FromResult(long.Parse(
        TestFolder.Ask(
            Path,
            $"""
            SELECT coalesce(sum(length(o.data)), 0)
            FROM outcomes o LEFT JOIN locks l ON l.key = o.key LEFT JOIN lock_namespaces n ON n.id = l.namespace WHERE coalesce(n.name, '{ns}') = '{ns}'
            """),
        CultureInfo.InvariantCulture));

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) => await SqliteStore.OpenAsync(Path, new() { TimeProvider = clock });

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) =>
        await SqliteStore.OpenAsync(System.IO.Path.Combine(_folder.FullName, "other.db"), new() { TimeProvider = clock });

    public void Dispose() => _folder.Delete(recursive: true);
}
