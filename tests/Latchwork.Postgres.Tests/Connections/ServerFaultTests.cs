using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Connections;

/// <summary>Servers that are killed, and connections that are ended, under a listening node.</summary>
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

        public Task<PostResult> PostAsync(string id) => _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = id, IfExists = IfExists.Keep });

        public ValueTask DisposeAsync() => _timer.DisposeAsync();
    }
}
