using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Maintenance;

/// <summary>The doctor, warnings, the script of the schema, and the rights that are enough.</summary>
public sealed class MaintenanceTests
{
    private readonly string _schema = $"m_{Guid.NewGuid():N}";

    [Fact]
    public async Task The_doctor_finds_nothing_wrong_with_what_the_store_has_made()
    {
        await using PostgresStore store = await OpenAsync();
        await FillAsync(store);
        (await ExamineAsync(store, fix: false)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Another_number_of_partitions_is_refused_by_name()
    {
        await using PostgresStore store = await OpenAsync();
        (await Should.ThrowAsync<NotSupportedException>(() => store.Maintenance.RepartitionAsync("ns", 2, null, default))).Message.ShouldStartWith($"{store.Description} keeps each namespace in one partition");
    }

    [Fact]
    public async Task Counts_that_another_hand_has_made_wrong_are_found_and_put_right()
    {
        await using PostgresStore store = await OpenAsync();
        await FillAsync(store);
        await RunAsync($"DELETE FROM {_schema}.timer_events WHERE state = 0");
        StoreFinding found = (await ExamineAsync(store, fix: false)).ShouldHaveSingleItem();
        (found.Problem, found.IsRepaired).ShouldBe((StoreProblem.WrongCount, false));
        (await ExamineAsync(store, fix: true)).ShouldHaveSingleItem().IsRepaired.ShouldBeTrue();
        (await ExamineAsync(store, fix: true)).ShouldBeEmpty();
        (await store.Timers.GetStatsAsync(new TimerPartition("ns", 0), CancellationToken.None)).Scheduled.ShouldBe(0);
    }

    [Fact]
    public async Task A_schedule_whose_last_occurrences_cannot_be_read_is_named_holds_up_nothing_and_loses_them()
    {
        await using PostgresStore store = await OpenAsync();
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        await timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.AddOrUpdateAsync("b", Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.TriggerAsync("a");
        await RunAsync($"UPDATE {_schema}.timer_schedules SET running = '\\x09', history = '\\x01FFFFFFFF7F' WHERE id = 'a'");

        (await timer.Schedules.ListAsync().ToListAsync()).Select(one => (one.Id, one.History.Count)).ShouldBe([("a", 0), ("b", 0)]);
        (await store.Timers.Schedules!.SweepAsync(new TimerPartition("ns", 0), null, TimeSpan.FromSeconds(10), CancellationToken.None)).Strays.ShouldBeEmpty();
        StoreFinding finding = (await ExamineAsync(store, fix: false)).ShouldHaveSingleItem();
        (finding.Problem, finding.IsRepaired).ShouldBe((StoreProblem.DamagedOccurrences, false));
        finding.Names.ShouldBe(["a"]);
        (await ExamineAsync(store, fix: true)).ShouldHaveSingleItem().IsRepaired.ShouldBeTrue();
        (await ExamineAsync(store, fix: false)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_schedule_that_is_written_anew_while_the_doctor_repairs_it_keeps_what_was_written()
    {
        await using PostgresStore store = await OpenAsync();
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        await timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.TriggerAsync("a");
        await RunAsync($"CREATE TABLE {_schema}.good AS SELECT running, history FROM {_schema}.timer_schedules");
        await RunAsync($"UPDATE {_schema}.timer_schedules SET running = '\\x09', history = '\\x01FFFFFFFF7F' WHERE id = 'a'");
        await using var other = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await other.OpenAsync();
        await using NpgsqlTransaction transaction = await other.BeginTransactionAsync();
        await RunAsync(other, $"UPDATE {_schema}.timer_schedules s SET running = g.running, history = g.history FROM {_schema}.good g");

        Task<List<StoreFinding>> repair = ExamineAsync(store, fix: true);
        await Eventually.ReadsAsync(
            () => NumberAsync($"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE {_schema}.timer_schedules%'"), static waiting => waiting > 0, "the repair waits for the row");
        await transaction.CommitAsync();

        (await repair).ShouldBeEmpty();
        (await timer.Schedules.GetAsync("a")).ShouldNotBeNull().History.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Schedules_without_an_occurrence_are_found_although_the_end_of_another_occurrence_cannot_be_noted()
    {
        await using PostgresStore store = await OpenAsync(options => options.LockTimeout = TimeSpan.FromMilliseconds(100));
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        foreach (string id in (string[])["a", "b"]) await timer.Schedules.AddOrUpdateAsync(id, Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.TriggerAsync("a");
        await RunAsync($"DELETE FROM {_schema}.timer_events");
        await using var other = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await other.OpenAsync();
        await using NpgsqlTransaction transaction = await other.BeginTransactionAsync();
        await RunAsync(other, $"SELECT 1 FROM {_schema}.timer_schedules WHERE id = 'a' FOR UPDATE");

        ScheduleSweep sweep = await store.Timers.Schedules!.SweepAsync(new TimerPartition("ns", 0), null, TimeSpan.FromSeconds(10), CancellationToken.None);

        sweep.Strays.Select(one => one.Id).ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task A_server_that_does_not_sync_is_warned_of()
    {
        await using PostgresStore store = await OpenAsync();
        (await store.CheckAsync()).Select(warning => warning.Code).ShouldContain("fsync-off", "the server of the tests does not sync");
    }

    [Fact]
    public async Task A_user_with_the_documented_rights_can_do_everything_but_change_the_schema()
    {
        await using (await OpenAsync())
        {
        }

        string user = $"u_{Guid.NewGuid():N}";
        string sql = DocsExample("least rights").Replace("shop_app", user, StringComparison.Ordinal).Replace("latchwork", _schema, StringComparison.Ordinal);
        await RunAsync($"CREATE ROLE {user} LOGIN; {sql}");
        string connection = (await PostgresServer.SharedAsync()).ConnectionString.Replace("Username=postgres", $"Username={user}", StringComparison.Ordinal);
        await using PostgresStore store = await PostgresStore.OpenAsync(connection, new() { Schema = _schema, Migrate = false });
        await FillAsync(store);
        await using IAsyncDisposable subscription = await store.Timers.SubscribeAsync("ns", "n1", static _ => { }, CancellationToken.None);
        await using var locker = new ProcessLocker(store);
        (await locker.RunOnceAsync("k", static (_, _) => Task.FromResult(1))).ShouldBe(1);
        await store.CheckAsync();
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(connection);
        await using NpgsqlCommand forbidden = source.CreateCommand($"CREATE TABLE {_schema}.mine (id integer)");
        (await Should.ThrowAsync<PostgresException>(() => forbidden.ExecuteNonQueryAsync())).SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
    }

    [Fact]
    public async Task The_script_makes_a_schema_that_the_store_works_with_and_can_be_run_again()
    {
        PostgresServer server = await PostgresServer.SharedAsync();
        for (int i = 0; i < 2; i++) await server.RunScriptAsync(PostgresStore.MigrationScript(_schema));
        await using PostgresStore store = await OpenAsync(options => options.Migrate = false);
        await FillAsync(store);
        (await store.Timers.GetStatsAsync(new TimerPartition("ns", 0), CancellationToken.None)).Scheduled.ShouldBe(3);
    }

    /// <summary>The block of SQL in the docs that begins with a comment.</summary>
    private static string DocsExample(string comment)
    {
        string docs = File.ReadAllText(Path.Combine(Repository(), "docs", "postgres.md"));
        int start = docs.IndexOf($"-- {comment}", StringComparison.Ordinal);
        start.ShouldBeGreaterThan(0, $"docs/postgres.md has a block that begins with '-- {comment}'");
        return docs[start..docs.IndexOf("```", start, StringComparison.Ordinal)];
    }

    private static string Repository()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Latchwork.slnx"))) folder = Path.GetDirectoryName(folder);
        return folder.ShouldNotBeNull();
    }

    private static async Task FillAsync(PostgresStore store)
    {
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        for (int i = 0; i < 3; i++) await timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{i}" });
        await timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "gone" });
        await timer.CancelAsync("gone");
    }

    private static async Task<List<StoreFinding>> ExamineAsync(PostgresStore store, bool fix)
    {
        var findings = new List<StoreFinding>();
        await foreach (StoreFinding finding in store.Maintenance.ExamineAsync(null, fix, CancellationToken.None)) findings.Add(finding);
        return findings;
    }

    private static async Task RunAsync(string statements)
    {
        await using var connection = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await connection.OpenAsync();
        await RunAsync(connection, statements);
    }

    private static async Task RunAsync(NpgsqlConnection connection, string statements)
    {
#pragma warning disable CA2100 // the statements are these tests' own
        await using var command = new NpgsqlCommand(statements, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<long> NumberAsync(string query)
    {
        await using var connection = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // the query is these tests' own
        await using var command = new NpgsqlCommand(query, connection);
#pragma warning restore CA2100
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<PostgresStore> OpenAsync(Action<PostgresOptions>? configure = null)
    {
        var options = new PostgresOptions { Schema = _schema, CommandTimeout = TimeSpan.FromSeconds(60) };
        configure?.Invoke(options);
        return await PostgresStore.OpenAsync((await PostgresServer.SharedAsync()).ConnectionString, options);
    }
}
