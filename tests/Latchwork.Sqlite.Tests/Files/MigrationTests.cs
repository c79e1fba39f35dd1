using System.Globalization;
using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.Testing;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>Files of earlier versions: they are migrated in one transaction, and what they hold is there.</summary>
public sealed class MigrationTests : IDisposable
{
    private static readonly TimeSpan _day = TimeSpan.FromDays(1);

    private readonly TestFolder _folder = new();
    private readonly ManualTimeProvider _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_file_of_version_2_keeps_its_locks_and_outcomes()
    {
        MakeVersion2();
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock });
        _folder.Ask("PRAGMA user_version").ShouldBe($"{Opening.Version}");
        (await GetAsync("large"))!.Length.ShouldBe(5_000);
        (await GetAsync("small"))!.Length.ShouldBe(10);
        (await GetAsync("null"))!.Length.ShouldBe(0);
        _folder.Ask("SELECT count(*) FROM outcomes").ShouldBe("1");
        var held = (await store.Locks.RequestAsync(new LockerKey("old", "held"), Request(lockOnly: true), default)).ShouldBeOfType<LockHeld>();
        held.FencingToken.ShouldBe(7);
        (await store.Locks.PublishAsync(new LockerKey("old", "held"), new(7, "owner", LockerOutcomeKind.Value, new byte[3_000], _day, _day), default)).ShouldBe(PublishOutcome.Accepted);
        (await GetAsync("held"))!.Length.ShouldBe(3_000);

        async Task<byte[]?> GetAsync(string name) => (await store.Locks.TryGetAsync(new LockerKey("old", name), default))?.Data.ToArray();
    }

    [Fact]
    public async Task A_program_that_still_has_the_file_open_is_refused_as_its_format_is_another()
    {
        MakeVersion2();
        _folder.Ask("SELECT format FROM lock_namespaces").ShouldBe("1");
        await (await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock })).DisposeAsync();
        _folder.Ask("SELECT format FROM lock_namespaces").ShouldBe("2", "what a program of version 2 looks at in each operation");

        Should.Throw<SqliteException>(() => Run("INSERT INTO lock_namespaces (name, format) VALUES ('new', 1)")).Message
            .ShouldContain("Update this program", Case.Sensitive, "as it would do in a namespace that it begins");

        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock });
        _folder.Ask("UPDATE lock_namespaces SET format = 3 RETURNING id");
        foreach (Func<Task> operation in (Func<Task>[])[
            () => store.Locks.TryGetAsync(new LockerKey("old", "large"), default),
            () => store.Locks.RequestAsync(new LockerKey("old", "large"), Request(lockOnly: true), default)])
        {
            (await Should.ThrowAsync<LatchworkStoreException>(operation)).Message.ShouldContain("'old' has format 3; this program works with format 2");
        }
    }

    [Fact]
    public async Task A_program_that_knows_no_pause_and_still_has_the_file_open_is_refused_by_the_format_of_timers()
    {
        foreach (string version in (string[])["Version1", "Version2", "Version3", "Version4"]) Run(Script(version));
        Run($"PRAGMA application_id = {Opening.ApplicationId}; PRAGMA user_version = 4");
        Run("INSERT INTO timer_namespaces (name, partition, format, partitions, clock_last, clock_offset, scheduled, in_flight, dead, dead_trimmed, roster) VALUES ('old', 0, 1, 1, 0, 0, 0, 0, 0, 0, x'')");
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock });
        _folder.Ask("SELECT format FROM timer_namespaces").ShouldBe("3", "what a program of version 4, or of version 8, looks at in each operation");
        Should.Throw<SqliteException>(() => Run("INSERT INTO timer_namespaces (name, partition, format, partitions, clock_last, clock_offset, scheduled, in_flight, dead, dead_trimmed, roster) VALUES ('new', 0, 1, 1, 0, 0, 0, 0, 0, 0, x'')"))
            .Message.ShouldContain("Update this program");
        (await store.Timers.GetStatsAsync(new TimerPartition("old", 0), default)).Pause.ShouldBeNull();
    }

    [Fact]
    public async Task A_migration_that_fails_leaves_the_file_as_it_was()
    {
        MakeVersion2();
        Run("CREATE TABLE outcomes (theirs)");
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock }));
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
        _folder.Ask("PRAGMA user_version").ShouldBe("2");
        _folder.Ask("SELECT length(outcome) FROM locks WHERE name = 'large'").ShouldBe("5000");
        _folder.Ask("SELECT format FROM lock_namespaces").ShouldBe("1");
    }

    [Fact]
    public async Task Without_migration_an_older_file_is_refused_and_not_changed_and_none_is_made()
    {
        await RefusedAsync("There is no database");
        File.Exists(_folder.Database).ShouldBeFalse();
        await File.WriteAllBytesAsync(_folder.Database, []);
        await RefusedAsync("has no tables yet");
        (await File.ReadAllBytesAsync(_folder.Database)).ShouldBeEmpty();
        File.Delete(_folder.Database);

        MakeVersion2();
        byte[] before = await File.ReadAllBytesAsync(_folder.Database);
        await RefusedAsync("its tables have version 2", $"this program needs {Opening.Version}", "latchwork store migrate --store sqlite:");
        (await File.ReadAllBytesAsync(_folder.Database)).ShouldBe(before);
        File.Exists(_folder.Database + "-wal").ShouldBeFalse();

        await (await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock })).DisposeAsync();
        await (await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock, Migrate = false })).DisposeAsync();

        async Task RefusedAsync(params string[] parts)
        {
            var e = await Should.ThrowAsync<LatchworkStoreException>(() => SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock, Migrate = false }));
            (e.Outcome, e.IsTransient).ShouldBe((StoreOutcome.NotApplied, false));
            foreach (string part in parts) e.Message.ShouldContain(part);
        }
    }

    private static LockerRequest Request(bool lockOnly) => new("node", "new", TimeSpan.FromMinutes(1), TimeSpan.FromHours(1), WaitingFor: null, lockOnly);

    private void MakeVersion2()
    {
        long now = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond, day = (long)_day.TotalMicroseconds;
        Run(Script("Version1"));
        Run(Script("Version2"));
        Run($"PRAGMA application_id = {Opening.ApplicationId}; PRAGMA user_version = 2");
        Run("INSERT INTO lock_namespaces (id, name, format) VALUES (1, 'old', 1)");
        foreach ((string name, string bytes, int kind) in (ReadOnlySpan<(string, string, int)>)[("large", "zeroblob(5000)", 0), ("small", "zeroblob(10)", 0), ("null", "zeroblob(0)", 1)])
        {
            Run(string.Create(
                CultureInfo.InvariantCulture,
                $"""
                INSERT INTO locks (namespace, name, generation, keep_until, garbage_from, published_generation, published_nonce,
                    outcome_generation, outcome_kind, published_at, fresh_for, hand_over_for, outcome)
                VALUES (1, '{name}', 5, {now + day}, {now + day}, 5, 'n', 5, {kind}, {now}, {day}, 0, {bytes})
                """));
        }

        Run(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            INSERT INTO locks (namespace, name, generation, keep_until, garbage_from, published_generation, published_nonce,
                node, nonce, started, lock_timeout, taken_over, lease, deadline)
            VALUES (1, 'held', 7, 0, {now + 2 * day}, 0, '', 'their node', 'owner', {now}, {day}, 0, {day}, {now + day})
            """));
    }

    private static string Script(string name)
    {
        using var reader = new StreamReader(typeof(Opening).Assembly.GetManifestResourceStream(name + ".sql")!);
        return reader.ReadToEnd();
    }

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_folder.Database};Pooling=false");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
