using Latchwork.Sqlite.Tests.Support;
using Latchwork.StoreConformance.Support;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>What the store says of itself when it is asked.</summary>
public sealed class CheckTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_store_that_loses_little_says_so_and_one_that_loses_nothing_says_nothing()
    {
        await using SqliteStore full = await SqliteStore.OpenAsync(_folder.Database);
        (await full.CheckAsync()).ShouldNotContain(warning => warning.Code == "not-synced");
        await using SqliteStore normal = await SqliteStore.OpenAsync(_folder.Database, new() { Synchronous = SqliteSynchronous.Normal });
        (await normal.CheckAsync()).ShouldContain(warning => warning.Code == "not-synced");
    }

    [Fact]
    public async Task A_store_that_cannot_write_or_is_closed_does_not_pass()
    {
        SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { BusyTimeout = TimeSpan.FromMilliseconds(50) });
        using (var other = new SqliteConnection($"Data Source={_folder.Database};Pooling=false"))
        {
            other.Open();
            using SqliteCommand command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            (await Should.ThrowAsync<LatchworkStoreException>(() => store.CheckAsync())).IsTransient.ShouldBeTrue();
        }

        await store.CheckAsync();
        await store.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => store.CheckAsync());
    }

    [RootFact]
    public async Task A_disk_that_is_nearly_full_is_named()
    {
        using var disk = new SmallDisk(kilobytes: 4_000);
        await using SqliteStore store = await SqliteStore.OpenAsync(disk.Database);
        (await store.CheckAsync()).Single().Code.ShouldBe("disk-nearly-full");
    }
}
