using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>What is opened, what is refused, in which words; and that nothing that is refused is changed.</summary>
public sealed class OpeningTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_new_file_gets_the_tables_and_the_mark_and_is_opened_again()
    {
        await using (SqliteStore store = await SqliteStore.OpenAsync(_folder.Database))
        {
            store.Description.ShouldBe($"sqlite:{_folder.Database}");
            await new DistributedTimer(store).PostAsync(1, TimeSpan.FromHours(1), new() { Id = "a" });
        }

        _folder.Ask("PRAGMA journal_mode").ShouldBe("wal");
        _folder.Ask("PRAGMA user_version").ShouldBe($"{Opening.Version}");
        _folder.Ask("PRAGMA application_id").ShouldBe($"{0x4C544348}");
        await using SqliteStore again = await SqliteStore.OpenAsync(_folder.Database);
        (await new DistributedTimer(again).PeekAsync("a")).ShouldNotBeNull();
    }

    [Fact]
    public async Task Several_stores_that_open_a_new_file_at_once_all_succeed()
    {
        SqliteStore[] stores = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SqliteStore.OpenAsync(_folder.Database)));
        foreach (SqliteStore store in stores) await new DistributedTimer(store).PostAsync(1, TimeSpan.FromHours(1));
        (await new DistributedTimer(stores[0]).GetStatsAsync()).Scheduled.ShouldBe(8);
        foreach (SqliteStore store in stores) await store.DisposeAsync();
    }

    [Fact]
    public async Task A_relative_path_is_relative_to_the_current_folder()
    {
        string name = $"latchwork-{Guid.NewGuid():N}.db";
        await using (SqliteStore store = await SqliteStore.OpenAsync(name)) store.Description.ShouldBe($"sqlite:{Path.GetFullPath(name)}");
        foreach (string file in Directory.GetFiles(".", name + "*")) File.Delete(file);
    }

    [Fact]
    public async Task The_database_of_another_program_is_refused_and_not_changed()
    {
        _folder.Ask("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1); SELECT 1");
        byte[] before = await File.ReadAllBytesAsync(_folder.Database);
        await RefusedAsync("is the database of another program");
        (await File.ReadAllBytesAsync(_folder.Database)).ShouldBe(before);
        File.Exists(_folder.Database + "-wal").ShouldBeFalse();
    }

    [Fact]
    public async Task A_file_of_a_newer_version_is_refused_and_both_versions_are_named()
    {
        await (await SqliteStore.OpenAsync(_folder.Database)).DisposeAsync();
        _folder.Ask($"PRAGMA user_version = {Opening.Version + 1}");
        byte[] before = await File.ReadAllBytesAsync(_folder.Database);
        await RefusedAsync("made by a newer version of Latchwork", $"version {Opening.Version + 1}", $"knows {Opening.Version}", "Update");
        (await File.ReadAllBytesAsync(_folder.Database)).ShouldBe(before);
    }

    [Fact]
    public async Task A_namespace_of_another_format_is_refused_with_both_formats()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await new DistributedTimer(store, new() { Namespace = "theirs" }).PostAsync(1, TimeSpan.FromHours(1));
        _folder.Ask("UPDATE timer_namespaces SET format = 9 RETURNING id");
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => new DistributedTimer(store, new() { Namespace = "theirs" }).PostAsync(1, TimeSpan.FromHours(1)));
        e.Message.ShouldContain("'theirs' has format 9");
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_and_not_changed()
    {
        await File.WriteAllTextAsync(_folder.Database, new string('x', 5000));
        await RefusedAsync("is not an SQLite database", "Choose another path");
        (await File.ReadAllTextAsync(_folder.Database)).ShouldBe(new string('x', 5000));
    }

    [Fact]
    public async Task A_store_that_is_closed_leaves_one_file_each_time()
    {
        for (int i = 0; i < 50; i++)
        {
            await using (SqliteStore store = await SqliteStore.OpenAsync(_folder.Database)) await new DistributedTimer(store).PostAsync(i, TimeSpan.FromHours(1));
            File.Exists(_folder.Database + "-wal").ShouldBeFalse($"closing {i}");
        }
    }

    [Fact]
    public async Task A_damaged_file_is_reported_with_what_to_do()
    {
        await using (SqliteStore store = await SqliteStore.OpenAsync(_folder.Database))
        {
            await new DistributedTimer(store).PostAsync([.. Enumerable.Range(0, 500).Select(i => new TimerPost(new byte[200], TimeSpan.FromHours(1)))]);
        }

        byte[] bytes = await File.ReadAllBytesAsync(_folder.Database);
        bytes.AsSpan(4096).Fill(0xA5); // everything behind the first page
        await File.WriteAllBytesAsync(_folder.Database, bytes);
        var e = await Should.ThrowAsync<LatchworkStoreException>(async () =>
        {
            await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
            await new DistributedTimer(store).PostAsync(1, TimeSpan.FromHours(1));
        });
        e.Message.ShouldContain("is damaged");
        e.Message.ShouldContain(".recover");
    }

    [Fact]
    public async Task A_folder_that_does_not_exist_is_named()
    {
        string path = Path.Combine(_folder.Path, "no", "such.db");
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => SqliteStore.OpenAsync(path));
        e.Message.ShouldContain($"The folder '{Path.GetDirectoryName(path)}' of the database does not exist");
    }

    [Fact]
    public async Task A_folder_in_place_of_a_file_is_named()
    {
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => SqliteStore.OpenAsync(_folder.Path));
        e.Message.ShouldContain("is a folder");
    }

    [Fact]
    public async Task All_wrong_settings_are_named_together()
    {
        var options = new SqliteOptions { BusyTimeout = TimeSpan.Zero, MaxQueued = 0, CheckpointPages = 5, Synchronous = (SqliteSynchronous)9 };
        var e = await Should.ThrowAsync<ArgumentException>(() => SqliteStore.OpenAsync(" ", options));
        foreach (string part in (string[])["path must not be empty", "'BusyTimeout' must be between 10ms and 10m; it is 0s", "MaxQueued", "it is 0", "CheckpointPages", "it is 5", "'Synchronous' must be one of Normal, Full; it is 9"])
        {
            e.Message.ShouldContain(part);
        }

        foreach (string path in (string[])[":memory:", "file:x.db?mode=memory", "a\0b"]) await Should.ThrowAsync<ArgumentException>(() => SqliteStore.OpenAsync(path));
    }

    [Fact]
    public void The_documentation_has_the_options() =>
        OptionDocs.Check<SqliteOptions>("sqlite.md", "Options", SqliteOptions.Set.Describe(), "Latchwork.Sqlite/SqliteOptions.cs");

    [Fact]
    public async Task A_store_that_was_disposed_says_so()
    {
        SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        var timer = new DistributedTimer(store);
        await timer.PostAsync(1, TimeSpan.FromHours(1));
        await store.DisposeAsync();
        await store.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => timer.PostAsync(1, TimeSpan.FromHours(1)));
    }

    private async Task RefusedAsync(params string[] words)
    {
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => SqliteStore.OpenAsync(_folder.Database));
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
        e.Message.ShouldContain(_folder.Database);
        foreach (string word in words) e.Message.ShouldContain(word);
    }
}
