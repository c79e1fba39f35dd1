using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Opening;

/// <summary>Addresses, settings, the schema and its versions.</summary>
public sealed class OpeningTests(PostgresFixture fixture) : IClassFixture<PostgresFixture>
{
    private readonly string _schema = $"o_{Guid.NewGuid():N}";

    [Theory]
    [InlineData("postgres://10.0.0.1/shop", "10.0.0.1:5432", null, "shop")]
    [InlineData("postgresql://joe:p%40ss@db.example:6000/shop", "db.example:6000", "p@ss", "shop")]
    [InlineData("postgres://joe@a:1,b/shop?Target%20Session%20Attributes=primary", "a:1,b:5432", null, "shop")]
    [InlineData("postgres://%2Fvar%2Frun%2Fpostgresql/shop", "/var/run/postgresql", null, "shop")]
    [InlineData("Host=h;Database=shop;Password=x", "h", "x", "shop")]
    public void An_address_names_server_login_and_database(string text, string host, string? password, string database)
    {
        NpgsqlConnectionStringBuilder parts = PostgresAddress.Read(text);
        (parts.Host, parts.Password, parts.Database, parts.Enlist).ShouldBe((host, password, database, false));
    }

    [Theory]
    [InlineData("postgres://joe:se/cret@host/db", "percent-encode")]
    [InlineData("postgres://host/db?nonsense=secret", "'nonsense'")]
    [InlineData("redis://secret@host", "scheme")]
    [InlineData("Host=h;Password='secret", "cannot be read")]
    [InlineData("Database=secret", "names no host")]
    public void What_is_wrong_with_an_address_is_said_without_a_piece_of_it(string text, string expected)
    {
        string message = Should.Throw<ArgumentException>(() => PostgresAddress.Read(text)).Message;
        message.ShouldContain(expected);
        message.ShouldNotContain("secret");
        message.ShouldNotContain("cret@");
    }

    [Fact]
    public async Task All_that_is_wrong_with_the_settings_is_named_together()
    {
        var options = new PostgresOptions { Schema = "Select", CommandTimeout = TimeSpan.Zero, LockTimeout = TimeSpan.FromDays(1), MaxConnections = 0, MaxQueued = 0 };
        string message = (await Should.ThrowAsync<ArgumentException>(() => PostgresStore.OpenAsync("Host=nowhere", options))).Message;
        foreach (string name in (string[])["Schema", "'Select'", "CommandTimeout", "LockTimeout", "MaxConnections", "MaxQueued"]) message.ShouldContain(name);
    }

    [Fact]
    public void The_documentation_has_the_options() =>
        OptionDocs.Check<PostgresOptions>("postgres.md", "Options", PostgresOptions.Set.Describe(), "Latchwork.Postgres/PostgresOptions.cs");

    [Theory]
    [InlineData("1a")]
    [InlineData("pg_mine")]
    [InlineData("")]
    [InlineData("a\"b")]
    [InlineData("é")]
    public void A_schema_that_would_need_quotes_is_refused(string schema) =>
        PostgresOptions.Set.FindErrors(new PostgresOptions { Schema = schema }).ShouldHaveSingleItem().ShouldContain(nameof(PostgresOptions.Schema));

    [Fact]
    public async Task Programs_that_start_at_once_create_the_schema_once()
    {
        PostgresStore[] stores = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => OpenAsync()));
        foreach (PostgresStore store in stores) await store.DisposeAsync();
        (await AskAsync<long>($"SELECT count(*) FROM {_schema}.migrations")).ShouldBe(1);
    }

    [Fact]
    public async Task A_schema_of_a_later_version_is_refused_by_name_and_left_as_it_is()
    {
        await (await OpenAsync()).DisposeAsync();
        await AskAsync<object>($"INSERT INTO {_schema}.migrations (version, oldest_program) VALUES (99, 99)");
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => OpenAsync());
        e.Message.ShouldContain("version 99");
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
    }

    [Fact]
    public async Task A_later_version_that_this_program_can_work_with_is_worked_with()
    {
        await (await OpenAsync()).DisposeAsync();
        await AskAsync<object>($"INSERT INTO {_schema}.migrations (version, oldest_program) VALUES (99, 1)");
        await using PostgresStore store = await OpenAsync();
        (await store.Timers.OpenAsync("ns", CancellationToken.None)).ShouldBe(1);
    }

    [Fact]
    public async Task Without_migrating_a_missing_schema_is_refused_and_the_command_is_named()
    {
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => OpenAsync(options => options.Migrate = false));
        e.Message.ShouldContain("latchwork store migrate");
        (await AskAsync<long>($"SELECT count(*) FROM pg_namespace WHERE nspname = '{_schema}'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_told_within_the_command_timeout()
    {
        using var port = new ReservedPort();
        var options = new PostgresOptions { CommandTimeout = TimeSpan.FromMilliseconds(500), LockTimeout = TimeSpan.FromMilliseconds(500) };
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(
            () => PostgresStore.OpenAsync($"Host=127.0.0.1;Port={port.Number};Username=u;Password=secret", options).WaitAsync(TimeSpan.FromMinutes(1)));
        (e.Outcome, e.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        e.Message.ShouldNotContain("secret");
    }

    [Fact]
    public async Task What_is_known_of_the_place_holds_no_password()
    {
        await using PostgresStore store = await OpenAsync();
        store.Description.ShouldBe($"postgres://127.0.0.1:{(await PostgresServer.SharedAsync()).Port}/postgres?schema={_schema}");
    }

    [Fact]
    public async Task A_data_source_of_the_application_is_used_and_not_closed()
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString);
        await using (PostgresStore store = await PostgresStore.OpenAsync(source, new() { Schema = _schema }))
        {
            (await store.Timers.OpenAsync("ns", CancellationToken.None)).ShouldBe(1);
        }

        await using NpgsqlConnection still = await source.OpenConnectionAsync();
        still.State.ShouldBe(System.Data.ConnectionState.Open);
    }

    [Fact]
    public async Task No_connection_of_the_store_has_a_transaction_open_while_nothing_happens()
    {
        await using PostgresStore store = await OpenAsync();
        await store.Timers.OpenAsync("ns", CancellationToken.None);
        await using IAsyncDisposable subscription = await store.Timers.SubscribeAsync("ns", "n1", static _ => { }, CancellationToken.None);
        await store.Timers.ClaimAsync(
            new TimerPartition("ns", 0), new ClaimRequest("n1", "t", 1, 1, 0, TimeSpan.FromSeconds(1), new(TimeSpan.FromDays(1), 10)), CancellationToken.None);

        // Stores of other tests may be between two statements; one that stays would stay.
        await Eventually.ReadsAsync(
            () => AskAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'latchwork' AND state LIKE 'idle in transaction%'"), count => count == 0, "none is open");
    }

    [Fact]
    public async Task A_store_that_was_disposed_refuses()
    {
        PostgresStore store = await fixture.OpenWithAsync(static _ => { });
        await store.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => store.Timers.OpenAsync("ns", CancellationToken.None));
        await Should.ThrowAsync<ObjectDisposedException>(() => store.Timers.SubscribeAsync("ns", "n", static _ => { }, CancellationToken.None));
    }

    private static async Task<T?> AskAsync<T>(string statement)
    {
        await using var connection = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // the statements are these tests' own
        await using var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
        return (T?)await command.ExecuteScalarAsync();
    }

    private async Task<PostgresStore> OpenAsync(Action<PostgresOptions>? configure = null)
    {
        var options = new PostgresOptions { Schema = _schema, CommandTimeout = TimeSpan.FromSeconds(60) };
        configure?.Invoke(options);
        return await PostgresStore.OpenAsync((await PostgresServer.SharedAsync()).ConnectionString, options);
    }
}
