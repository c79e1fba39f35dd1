using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Connections;

/// <summary>The store over a pooler that gives each transaction another session.</summary>
public sealed class PgBouncerTests : IAsyncLifetime
{
    private PostgresServer _server = null!;
    private PgBouncer _pooler = null!;

    public async Task InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _pooler = await PgBouncer.StartAsync(_server);
    }

    public async Task DisposeAsync()
    {
        await _pooler.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Timers_and_locks_work_and_a_warning_says_that_notifications_are_not_received()
    {
        await using PostgresStore one = await OpenAsync(), other = await OpenAsync();
        await using var listener = new DistributedTimer(one, new() { Namespace = "ns" });
        await using var poster = new DistributedTimer(other, new() { Namespace = "ns" });
        var got = new ConcurrentDictionary<string, int>();
        await listener.JoinAsync((delivery, _) =>
        {
            got.AddOrUpdate(delivery.Id, 1, static (_, count) => count + 1);
            return Task.CompletedTask;
        });
        string[] ids = [.. Enumerable.Range(0, 100).Select(i => $"{i}")];
        await Task.WhenAll(ids.Select(id => poster.PostAsync("{}"u8.ToArray(), TimeSpan.FromMilliseconds(int.Parse(id, System.Globalization.CultureInfo.InvariantCulture) * 5), new() { Id = id })));
        await Eventually.HoldsAsync(() => ids.All(got.ContainsKey), "all are delivered");
        got.Values.ShouldAllBe(count => count == 1);

        await using var locker = new ProcessLocker(one, new() { Namespace = "ns" });
        await using var second = new ProcessLocker(other, new() { Namespace = "ns" });
        TaskCompletionSource begun = new(), ends = new();
        Task<string> running = locker.RunOnceAsync("key", async (_, _) =>
        {
            begun.SetResult();
            await ends.Task;
            return "first";
        });
        await begun.Task;
        Task<string> waiting = second.RunOnceAsync("key", (_, _) => Task.FromResult("second"));
        ends.SetResult();
        (await running).ShouldBe("first");
        (await waiting).ShouldBeOneOf("first", "second"); // it may have asked when the first had ended, whose result is not kept
        await Eventually.ReadsAsync(() => one.CheckAsync(), warnings => warnings.Any(one => one.Code == "notifications-unheard"), "it is warned of");
    }

    [Fact]
    public async Task A_post_in_a_transaction_of_the_application_works_over_and_over()
    {
        await using PostgresStore store = await OpenAsync();
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(_pooler.ConnectionString);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async caller =>
        {
            for (int i = 0; i < 10; i++)
            {
                await using NpgsqlConnection connection = await source.OpenConnectionAsync();
                await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
                await timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{caller}-{i}" });
                await transaction.CommitAsync();
            }
        }));
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(80);
    }

    private Task<PostgresStore> OpenAsync() => PostgresStore.OpenAsync(_pooler.ConnectionString, new() { CommandTimeout = TimeSpan.FromSeconds(30) });
}
