using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Connections;

/// <summary>Servers that are killed or replaced by a standby, and connections that are ended, under a listening node.</summary>
public sealed class ServerFaultTests
{
    [Fact]
    public async Task After_the_server_was_killed_and_started_again_everything_goes_on_by_itself()
    {
        await using PostgresServer server = await PostgresServer.StartAsync("fsync=on");
        await using PostgresStore store = await OpenAsync(server);
        await using Node node = await Node.JoinAsync(store);
        await node.PostAsync("before");
        await Eventually.HoldsAsync(() => node.Got.ContainsKey("before"), "it is delivered");

        server.Kill();
        await server.StartAgainAsync();
        await PostUntilDoneAsync(node, "after");
        await Eventually.HoldsAsync(() => node.Got.ContainsKey("after"), "the node claims again");
        await Eventually.HoldsAsync(() => store.Reconnects > 0, "notifications are received again");
        node.Got.Values.ShouldAllBe(count => count == 1);
    }

    [Fact]
    public async Task Connections_that_an_administrator_ends_are_made_again_and_no_event_is_lost()
    {
        await using PostgresServer server = await PostgresServer.StartAsync();
        await using PostgresStore store = await OpenAsync(server);
        await using Node node = await Node.JoinAsync(store);
        await using NpgsqlDataSource administrator = NpgsqlDataSource.Create(server.ConnectionString + ";Application Name=administrator");
        var posted = new List<string>();
        for (int i = 0; i < 60; i++)
        {
            if (i % 10 == 9)
            {
                await using NpgsqlCommand end = administrator.CreateCommand("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'latchwork'");
                await end.ExecuteNonQueryAsync();
            }

            posted.Add($"{i}");
            await PostUntilDoneAsync(node, $"{i}");
        }

        await Eventually.HoldsAsync(() => posted.All(node.Got.ContainsKey), "all are delivered");
        await Eventually.HoldsAsync(() => store.Reconnects > 0, "notifications are received again");
    }

    [Fact]
    public async Task A_synchronous_standby_that_takes_over_has_what_was_acknowledged_and_clients_that_name_both_hosts_go_on()
    {
        await using PostgresServer primary = await PostgresServer.StartAsync();
        await using PostgresServer standby = await FollowAsync(primary, "sync");
        await using PostgresStore store = await PostgresStore.OpenAsync(BothHosts(primary, standby), new() { CommandTimeout = TimeSpan.FromSeconds(20) });
        await using Node node = await Node.JoinAsync(store);
        await node.PostAsync("before");
        await node.PostAsync("later", TimeSpan.FromHours(1));
        await Eventually.HoldsAsync(() => node.Got.ContainsKey("before"), "it is delivered");

        primary.Kill();
        await standby.PromoteAsync();
        await PostUntilDoneAsync(node, "after");
        await Eventually.HoldsAsync(() => node.Got.ContainsKey("after"), "the node claims from the new primary");
        await Eventually.HoldsAsync(() => store.Reconnects > 0, "notifications are received again");
        (await node.FindAsync("later")).ShouldNotBeNull("it was acknowledged");
    }

    [Fact]
    public async Task An_asynchronous_standby_that_takes_over_lacks_what_it_had_not_received_and_clients_go_on()
    {
        await using PostgresServer primary = await PostgresServer.StartAsync();
        await using PostgresServer standby = await FollowAsync(primary, "async");
        await using PostgresStore store = await PostgresStore.OpenAsync(BothHosts(primary, standby), new() { CommandTimeout = TimeSpan.FromSeconds(20) });
        await using Node node = await Node.JoinAsync(store);
        await node.PostAsync("received", TimeSpan.FromHours(1));
        await Eventually.ReadsAsync(primary.HasStandbyAllAsync, static hasAll => hasAll, "the standby has it");
        await CutOffAsync(standby, primary);
        await node.PostAsync("not received", TimeSpan.FromHours(1));

        primary.Kill();
        await standby.PromoteAsync();
        await PostUntilDoneAsync(node, "after");
        await Eventually.HoldsAsync(() => node.Got.ContainsKey("after"), "the node claims from the new primary");
        (await node.FindAsync("received")).ShouldNotBeNull();
        (await node.FindAsync("not received")).ShouldBeNull("as is documented");
    }

    [Fact]
    public async Task What_is_committed_without_the_synchronous_standby_that_it_should_have_waited_for_is_unknown()
    {
        await using PostgresServer primary = await PostgresServer.StartAsync();
        await using PostgresServer standby = await FollowAsync(primary, "sync");
        await using PostgresStore store = await PostgresStore.OpenAsync(BothHosts(primary, standby), new() { CommandTimeout = TimeSpan.FromSeconds(20) });
        await using NpgsqlDataSource administrator = NpgsqlDataSource.Create(primary.ConnectionString + ";Application Name=administrator");
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        await timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1));
        await CutOffAsync(standby, primary);

        // One statement, and a transaction of several.
        await ShouldBeUnknownAsync(timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1)));
        await ShouldBeUnknownAsync(store.Timers.Schedules!.WriteAsync(
            new TimerPartition("ns", 0), new ScheduleWrite("s", null, new string('i', 16), new byte[] { 1 }, true, null), CancellationToken.None));

        async Task ShouldBeUnknownAsync(Task change)
        {
            await Eventually.ReadsAsync(CancelAsync, static count => count > 0, "it waits for the standby");
            LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(change);
            error.Outcome.ShouldBe(StoreOutcome.Unknown);
            error.IsTransient.ShouldBeTrue();
        }

        async Task<long> CancelAsync()
        {
            await using NpgsqlCommand cancel = administrator.CreateCommand("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
            return (long)(await cancel.ExecuteScalarAsync())!;
        }
    }

    private static async Task<PostgresServer> FollowAsync(PostgresServer primary, string state)
    {
        PostgresServer standby = await PostgresServer.FollowAsync(primary);
        if (state == "sync") await primary.SetAsync("synchronous_standby_names", "*");
        await Eventually.ReadsAsync(primary.StandbyAsync, now => now == state, "the standby follows");
        return standby;
    }

    private static async Task CutOffAsync(PostgresServer standby, PostgresServer primary)
    {
        await standby.SetAsync("primary_conninfo", "");
        await Eventually.ReadsAsync(primary.StandbyAsync, static now => now == "", "the standby follows no more");
    }

    private static string BothHosts(PostgresServer primary, PostgresServer standby) =>
        $"Host=127.0.0.1:{primary.Port},127.0.0.1:{standby.Port};Username=postgres;Database=postgres;Target Session Attributes=primary";

    // A post whose outcome is unknown is posted again under its id.
    private static async Task PostUntilDoneAsync(Node node, string id)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await node.PostAsync(id);
                return;
            }
            catch (LatchworkStoreException e) when (e.IsTransient && attempt < 50)
            {
                e.Message.ShouldNotBeEmpty();
            }
        }
    }

    private static Task<PostgresStore> OpenAsync(PostgresServer server) =>
        PostgresStore.OpenAsync(server.ConnectionString, new() { CommandTimeout = TimeSpan.FromSeconds(20) });

    private sealed class Node : IAsyncDisposable
    {
        private readonly DistributedTimer _timer;

        private Node(PostgresStore store) => _timer = new DistributedTimer(store, new() { Namespace = "ns", LeaseDuration = TimeSpan.FromSeconds(20) });

        public ConcurrentDictionary<string, int> Got { get; } = new();

        public static async Task<Node> JoinAsync(PostgresStore store)
        {
            var node = new Node(store);
            await node._timer.JoinAsync((delivery, _) =>
            {
                node.Got.AddOrUpdate(delivery.Id, 1, static (_, count) => count + 1);
                return Task.CompletedTask;
            });
            return node;
        }

        public Task<PostResult> PostAsync(string id) => PostAsync(id, TimeSpan.Zero);

        public Task<PostResult> PostAsync(string id, TimeSpan delay) => _timer.PostAsync("{}"u8.ToArray(), delay, new() { Id = id, IfExists = IfExists.Keep });

        public Task<TimerSnapshot?> FindAsync(string id) => _timer.PeekAsync(id);

        public ValueTask DisposeAsync() => _timer.DisposeAsync();
    }
}
