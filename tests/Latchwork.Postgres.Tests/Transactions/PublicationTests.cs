using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Results that are published in the application's own transactions.</summary>
public sealed class PublicationTests(PostgresFixture fixture) : IClassFixture<PostgresFixture>, IAsyncLifetime
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(60);

    private readonly string _ns = $"tx-{Guid.NewGuid():N}";
    private readonly List<ProcessLocker> _nodes = [];
    private NpgsqlDataSource _database = null!;
    private PostgresStore _store = null!;

    public async Task InitializeAsync()
    {
        _database = NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString);
        _store = await fixture.OpenWithAsync(static _ => { });
    }

    public async Task DisposeAsync()
    {
        foreach (ProcessLocker node in _nodes) await node.DisposeAsync();
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task The_commit_publishes_the_result_and_frees_the_key_for_those_who_wait_here_and_elsewhere()
    {
        ProcessLocker here = NewNode(), there = NewNode();
        WorkLease lease = (await here.RequestAsync("k")).Lease!;
        Task<RequestResult>[] waiting = [here.RequestAsync("k"), there.RequestAsync("k"), there.RequestAsync("k")];
        await Eventually.ReadsAsync(() => there.PeekAsync("k"), snapshot => snapshot?.Waiters == 2, "they wait");
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await lease.PublishAsync(transaction, "done");
            (await there.TryGetAsync("k")).ShouldBeNull("it is not committed");
            lease.IsHeld.ShouldBeFalse("it is the transaction's to free the key");
            (await lease.PublishAsync("again", CancellationToken.None)).ShouldBe(PublishOutcome.Superseded);
            await transaction.CommitAsync();
        }

        await lease.DisposeAsync();
        foreach (RequestResult result in await Task.WhenAll(waiting).WaitAsync(_timeout)) result.Result!.Read<string>().ShouldBe("done");
        lease.Lost.IsCancellationRequested.ShouldBeFalse();
        (await there.PeekAsync("k"))!.IsLocked.ShouldBeFalse();
    }

    [Fact]
    public async Task After_a_rollback_nothing_is_published_and_the_key_is_free_when_the_lease_is_disposed()
    {
        ProcessLocker here = NewNode(), there = NewNode();
        WorkLease lease = (await here.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = there.RequestAsync("k");
        await Eventually.ReadsAsync(() => there.PeekAsync("k"), snapshot => snapshot?.Waiters == 1, "it waits");
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await lease.PublishAsync(transaction, new byte[] { 1 });
            await transaction.RollbackAsync();
        }

        await lease.DisposeAsync();
        WorkLease next = (await waiting.WaitAsync(_timeout)).Lease!;
        next.TakenOver.ShouldBeFalse("it was freed, not left to its lease");
        (await there.TryGetAsync("k")).ShouldBeNull();
        await next.DisposeAsync();
    }

    [Fact]
    public async Task An_owner_that_was_superseded_is_told_so_that_its_transaction_rolls_back()
    {
        ProcessLocker here = NewNode(), there = NewNode();
        WorkLease lease = (await here.RequestAsync("k")).Lease!;
        await there.ForgetAsync("k");
        WorkLease next = (await there.RequestAsync("k")).Lease!;
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        (await Should.ThrowAsync<LeaseLostException>(() => lease.PublishAsync(transaction, "late"))).Message.ShouldContain("'k'");
        await Should.ThrowAsync<LeaseLostException>(() => lease.PublishAsync(transaction, "late"));
        await transaction.RollbackAsync();
        (await next.PublishAsync("good", CancellationToken.None)).ShouldBe(PublishOutcome.Accepted);
    }

    [Fact]
    public async Task Work_and_its_result_are_committed_together_however_often_the_owner_fails()
    {
        string table = $"effects_{Guid.NewGuid():N}";
        await RunAsync($"CREATE TABLE {table} (key text NOT NULL)");
        ProcessLocker[] nodes = [NewNode(), NewNode(), NewNode()];
        string[] results = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => WorkAsync(nodes[i % 3], $"k{i % 12}", i)));
        results.Distinct().Count().ShouldBe(12, "everybody has the result of the one that was committed");
        await using NpgsqlCommand count = _database.CreateCommand($"SELECT count(*), count(DISTINCT key) FROM {table}");
        await using NpgsqlDataReader row = await count.ExecuteReaderAsync();
        await row.ReadAsync();
        (row.GetInt64(0), row.GetInt64(1)).ShouldBe((12, 12));

        async Task<string> WorkAsync(ProcessLocker node, string key, int caller)
        {
            for (int attempt = 0; ; attempt++)
            {
                RequestResult answer = await node.RequestAsync(key).WaitAsync(_timeout);
                if (answer.Result is { } result) return result.Read<string>()!;
                await using WorkLease lease = answer.Lease!;
                await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
                await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
                await using var effect = new NpgsqlCommand($"INSERT INTO {table} VALUES ('{key}')", connection, transaction);
                await effect.ExecuteNonQueryAsync();
                await lease.PublishAsync(transaction, $"{key} by {caller}");
                if (attempt == 0 && caller % 2 == 0) await transaction.RollbackAsync();
                else await transaction.CommitAsync();
            }
        }
    }

    [Fact]
    public async Task Who_asks_while_the_transaction_is_open_waits_as_for_any_owner()
    {
        ProcessLocker here = NewNode(), there = NewNode(o => (o.FallbackPollInterval, o.WaitTimeout) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)));
        WorkLease lease = (await here.RequestAsync("k")).Lease!;
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await lease.PublishAsync(transaction, "done");
        (await there.TryAcquireAsync("k")).ShouldBeNull("it is held");
        Task<string> first = there.RunOnceAsync("k", (_, _) => Task.FromResult("again"));
        await Eventually.ReadsAsync(() => there.PeekAsync("k"), snapshot => snapshot?.Waiters == 1, "it waits");
        await Task.WhenAny(first, Task.Delay(TimeSpan.FromSeconds(3))); // longer than a call that begins in an outage is given
        first.IsCompleted.ShouldBeFalse();
        await transaction.CommitAsync();
        await lease.DisposeAsync();
        (await first.WaitAsync(_timeout)).ShouldBe("done");
    }

    [Fact]
    public async Task A_takeover_waits_for_the_end_of_the_transaction()
    {
        ProcessLocker here = NewNode(o => o.LeaseDuration = TimeSpan.FromSeconds(4)), there = NewNode(o => o.FallbackPollInterval = TimeSpan.FromMilliseconds(100));
        WorkLease lease = (await here.RequestAsync("k")).Lease!;
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await lease.PublishAsync(transaction, "done");
        await Eventually.ReadsAsync(() => there.PeekAsync("k"), snapshot => snapshot!.LeaseLeft == TimeSpan.Zero, "its lease has run out");
        (await there.TryAcquireAsync("k")).ShouldBeNull("the transaction decides");
        Task<string> next = there.RunOnceAsync("k", (_, _) => Task.FromResult("taken over"));
        await transaction.RollbackAsync();
        (await next.WaitAsync(_timeout)).ShouldBe("taken over");
    }

    [Theory]
    [InlineData(System.Data.IsolationLevel.RepeatableRead)]
    [InlineData(System.Data.IsolationLevel.Serializable)]
    public async Task Another_isolation_level_is_refused_by_name(System.Data.IsolationLevel level)
    {
        await using WorkLease lease = (await NewNode().RequestAsync("k")).Lease!;
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(level);
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => lease.PublishAsync(transaction, "x"));
        (e.IsTransient, e.Message.Contains("READ COMMITTED", StringComparison.Ordinal)).ShouldBe((false, true));
        lease.IsHeld.ShouldBeTrue("nothing was published");
    }

    [Fact]
    public async Task A_factorys_lease_and_stores_that_cannot_do_it_refuse_by_name()
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await NewNode().RunOnceAsync("k", async (lease, _) =>
        {
            (await Should.ThrowAsync<InvalidOperationException>(() => lease.PublishAsync(transaction, "x"))).Message.ShouldContain("RequestAsync");
            return "done";
        });
        await using var memory = new InMemoryStore();
        await using var other = new ProcessLocker(memory);
        await using WorkLease held = await other.AcquireAsync("k");
        (await Should.ThrowAsync<NotSupportedException>(() => held.PublishAsync(transaction, "x"))).Message.ShouldContain("memory");
        held.IsHeld.ShouldBeTrue();
    }

    private ProcessLocker NewNode(Action<LockerOptions>? change = null)
    {
        var options = new LockerOptions { Namespace = _ns, LeaseDuration = TimeSpan.FromMinutes(2) };
        change?.Invoke(options);
        var node = new ProcessLocker(_store, options);
        _nodes.Add(node);
        return node;
    }

    private async Task RunAsync(string sql)
    {
        await using NpgsqlCommand command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
