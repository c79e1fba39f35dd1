using System.Globalization;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Locking;

/// <summary>The bytes of a large outcome lie apart: who does not need them neither reads nor writes them, and they go when nobody can ask for them.</summary>
public sealed class LargeOutcomeTests : IDisposable
{
    private const int Frame = 4_096 + 24; // a page in the write-ahead log

    private static readonly TimeSpan _handOver = TimeSpan.FromSeconds(2);

    private readonly TestFolder _folder = new();
    private readonly ManualTimeProvider _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Acquire_renew_and_release_write_and_read_as_little_beside_1_MiB_as_beside_a_byte()
    {
        (long Written, long Read) small = await MeasureAsync(1), large = await MeasureAsync(1 << 20);
        large.Written.ShouldBeInRange(1, 15, "pages appended to the log by five transactions");
        large.Written.ShouldBeLessThanOrEqualTo(small.Written + 3); // a page of a table that is almost empty
        large.Read.ShouldBeLessThanOrEqualTo(small.Read + 30, "pages looked at; the outcome has 256");
    }

    [Fact]
    public async Task Peek_and_listing_do_not_read_a_large_outcome()
    {
        await using SqliteStore store = await OpenAsync();
        for (int i = 0; i < 10; i++)
        {
            await PublishAsync(store, $"{i}", 1 << 20, TimeSpan.FromHours(1));
            await TakeAsync(store, $"{i}");
        }

        long before = await PagesAsync(store);
        (await store.Locks.ListAsync("large", null, 100, default)).Items.Count.ShouldBe(10);
        for (int i = 0; i < 10; i++) (await store.Locks.PeekAsync(new LockerKey("large", $"{i}"), default))!.FreshFor.ShouldNotBeNull();
        (await PagesAsync(store) - before).ShouldBeLessThan(500, "ten outcomes have 2,560");
    }

    [Fact]
    public async Task Results_without_a_lifetime_go_after_their_hand_over_and_their_pages_are_used_again()
    {
        await using SqliteStore store = await OpenAsync();
        long pages = 0;
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 100; i++) await PublishAsync(store, $"{round}-{i}", 20_000, TimeSpan.Zero);
            Number("SELECT count(*) FROM outcomes").ShouldBe(100, "somebody may still come who waits");
            if (round == 0) pages = Number("PRAGMA page_count");
            _clock.Advance(_handOver); // and no operation follows
            await Eventually.HoldsAsync(() => Number("SELECT count(*) FROM outcomes") == 0, "they are dropped");
        }

        Number("SELECT count(*) FROM locks WHERE outcome_generation IS NOT NULL").ShouldBe(0, "the records do not speak of bytes that are gone");
        Number("SELECT count(*) FROM locks WHERE published_generation > 0").ShouldBe(300, "a repeated publication is known");
        Number("PRAGMA page_count").ShouldBeLessThan(pages + 50);
    }

    [Fact]
    public async Task What_a_process_left_behind_is_dropped_by_the_next()
    {
        await using (SqliteStore ended = await OpenAsync())
        {
            for (int i = 0; i < 50; i++) await PublishAsync(ended, $"{i}", 2_000, TimeSpan.Zero);
        }

        await using SqliteStore store = await OpenAsync();
        await store.Locks.OpenAsync("large", default);
        Number("SELECT count(*) FROM outcomes").ShouldBe(50);
        _clock.Advance(_handOver);
        await Eventually.HoldsAsync(() => Number("SELECT count(*) FROM outcomes") == 0, "they are dropped");
    }

    [Fact]
    public async Task What_another_process_left_behind_goes_with_the_operations_that_follow()
    {
        await using SqliteStore store = await OpenAsync();
        await TakeAsync(store, "mine");
        await using (SqliteStore ended = await OpenAsync())
        {
            for (int i = 0; i < 10; i++) await PublishAsync(ended, $"{i}", 2_000, TimeSpan.Zero);
        }

        _clock.Advance(_handOver);
        for (int i = 0; i < 5; i++) await store.Locks.RenewAsync(new LockerKey("large", "mine"), 1, "none", TimeSpan.FromMinutes(1), default);
        Number("SELECT count(*) FROM outcomes").ShouldBe(0, "each drops two");
    }

    [Fact]
    public async Task Few_bytes_stay_in_the_record()
    {
        await using SqliteStore store = await OpenAsync();
        await PublishAsync(store, "few", 1_024, TimeSpan.FromHours(1));
        Number("SELECT count(*) FROM outcomes").ShouldBe(0);
        await PublishAsync(store, "many", 1_025, TimeSpan.FromHours(1));
        Number("SELECT count(*) FROM outcomes").ShouldBe(1);
        Number("SELECT sum(length(outcome)) FROM locks").ShouldBe(1_024);
    }

    [Fact]
    public async Task A_record_that_is_dropped_takes_its_bytes_along()
    {
        await using SqliteStore store = await OpenAsync();
        await PublishAsync(store, "dropped", 2_000, TimeSpan.FromHours(1));
        _folder.Ask("UPDATE locks SET garbage_from = 0 RETURNING key"); // as if its outcome had not kept it
        await TakeAsync(store, "another");
        Number("SELECT count(*) FROM locks WHERE name = 'dropped'").ShouldBe(0);
        Number("SELECT count(*) FROM outcomes").ShouldBe(0);
    }

    [Fact]
    public async Task What_was_moved_elsewhere_leaves_no_bytes()
    {
        await using SqliteStore source = await OpenAsync();
        await using SqliteStore target = await SqliteStore.OpenAsync(_folder.File("target.db"), new() { TimeProvider = _clock });
        for (int i = 0; i < 5; i++) await PublishAsync(source, $"{i}", 2_000, TimeSpan.FromHours(1));
        await new StoreMove(source, target, new MoveOptions { Namespace = "large", TimeProvider = _clock, WaitTimeout = TimeSpan.Zero }).RunAsync(default);
        Number("SELECT count(*) FROM outcomes").ShouldBe(0);
        TestFolder.Ask(_folder.File("target.db"), "SELECT count(*) FROM outcomes").ShouldBe("5");
    }

    [Fact]
    public async Task An_outcome_whose_bytes_somebody_else_deleted_is_none()
    {
        await using SqliteStore store = await OpenAsync();
        await PublishAsync(store, "k", 2_000, TimeSpan.FromHours(1));
        _folder.Ask("DELETE FROM outcomes RETURNING key");
        (await store.Locks.TryGetAsync(new LockerKey("large", "k"), default)).ShouldBeNull();
        (await store.Locks.RequestAsync(new LockerKey("large", "k"), Request("a", lockOnly: false), default)).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task A_clock_that_goes_back_cuts_the_time_of_the_bytes()
    {
        await using SqliteStore store = await OpenAsync();
        await PublishAsync(store, "k", 2_000, TimeSpan.FromHours(1));
        _clock.Shift(TimeSpan.FromDays(-1));
        (await store.Locks.TryGetAsync(new LockerKey("large", "k"), default)).ShouldNotBeNull();
        Number("SELECT usable_until FROM outcomes").ShouldBe((_clock.GetUtcNow() + TimeSpan.FromHours(1) - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
    }

    private async Task<(long Written, long Read)> MeasureAsync(int size)
    {
        using var folder = new TestFolder();
        await using SqliteStore store = await SqliteStore.OpenAsync(folder.Database, new() { TimeProvider = _clock });
        await PublishAsync(store, "k", size, TimeSpan.FromHours(1));
        await RunAsync(); // what is written once
        long log = LogSize(), pages = await PagesAsync(store);
        for (int i = 0; i < 5; i++) await RunAsync();
        return ((LogSize() - log) / Frame / 5, (await PagesAsync(store) - pages) / 5);

        long LogSize() => new FileInfo(folder.Database + "-wal").Length; // its name and size only

        async Task RunAsync()
        {
            long fencingToken = await TakeAsync(store, "k");
            (await store.Locks.RequestAsync(new LockerKey("large", "k"), Request("other", lockOnly: true), default)).ShouldBeOfType<LockHeld>();
            (await store.Locks.RenewAsync(new LockerKey("large", "k"), fencingToken, "a", TimeSpan.FromMinutes(2), default)).ShouldBeTrue();
            (await store.Locks.PeekAsync(new LockerKey("large", "k"), default))!.IsLocked.ShouldBeTrue();
            (await store.Locks.ReleaseAsync(new LockerKey("large", "k"), fencingToken, "a", default)).ShouldBeTrue();
        }
    }

    /// <summary>The pages that both connections have looked at.</summary>
    private static async Task<long> PagesAsync(SqliteStore store) =>
        await store.Writer.RunAsync(static scope => scope.File.PagesRead, isDurable: false, default)
        + await store.Reader.RunAsync(static file => file.PagesRead, isDurable: false, default);

    private static LockerRequest Request(string nonce, bool lockOnly) =>
        new("node", nonce, TimeSpan.FromMinutes(1), TimeSpan.FromHours(1), WaitingFor: null, lockOnly);

    private static async Task<long> TakeAsync(SqliteStore store, string name) =>
        (await store.Locks.RequestAsync(new LockerKey("large", name), Request("a", lockOnly: true), default)).ShouldBeOfType<LockGranted>().FencingToken;

    private static async Task PublishAsync(SqliteStore store, string name, int size, TimeSpan freshFor)
    {
        long fencingToken = await TakeAsync(store, name);
        var publication = new LockerPublication(fencingToken, "a", LockerOutcomeKind.Value, new byte[size], freshFor, _handOver);
        (await store.Locks.PublishAsync(new LockerKey("large", name), publication, default)).ShouldBe(PublishOutcome.Accepted);
    }

    private Task<SqliteStore> OpenAsync() => SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock, Synchronous = SqliteSynchronous.Normal });

    private long Number(string sql) => long.Parse(_folder.Ask(sql), CultureInfo.InvariantCulture);
}
