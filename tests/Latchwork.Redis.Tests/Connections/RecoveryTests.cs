using System.Collections.Concurrent;
using System.Diagnostics;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>What happens to commands when scripts, connections and servers go away under load.</summary>
public sealed class RecoveryTests
{
    private static readonly RedisScript _add = new("add", "return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)");

    [Fact]
    public async Task Lost_scripts_are_loaded_again_and_no_caller_sees_it()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
        await using var load = new Load(connection, callers: 64);
        for (int i = 0; i < 20; i++)
        {
            await load.MoreAsync(100);
            await server.CommandAsync("SCRIPT", "FLUSH");
        }

        await load.StopAsync();
        load.Failures.ShouldBeEmpty();
        (await Load.AppliedAsync(server)).ShouldBe(load.Succeeded);
    }

    [Fact]
    public async Task When_connections_are_killed_each_command_succeeded_or_is_unknown()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
        int restored = 0;
        await using IAsyncDisposable subscription = await connection.SubscribeAsync("channel", _ => { }, () => Interlocked.Increment(ref restored), default);
        await using var load = new Load(connection, callers: 64);
        for (int i = 1; i <= 10; i++)
        {
            await load.MoreAsync(100);
            await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
            await server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
            await Eventually.HoldsAsync(() => Volatile.Read(ref restored) >= i, "the subscription is restored");
        }

        await load.StopAsync();
        load.Failures.ShouldAllBe(e => e.IsTransient && e.Outcome == StoreOutcome.Unknown);
        long applied = await Load.AppliedAsync(server);
        applied.ShouldBeGreaterThanOrEqualTo(load.Succeeded);
        applied.ShouldBeLessThanOrEqualTo(load.Succeeded + load.Failures.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Commands_wait_for_a_server_that_restarts(bool unixSocket)
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { AppendOnly = true, UnixSocket = unixSocket });
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
        await using var load = new Load(connection, callers: 16);
        for (int i = 0; i < 2; i++)
        {
            await load.MoreAsync(50);
            server.Kill();
            await server.StartAgainAsync();
            await load.MoreAsync(50);
            await server.RestartAsync();
        }

        await load.MoreAsync(50);
        await load.StopAsync();
        load.Failures.ShouldAllBe(e => e.Outcome == StoreOutcome.Unknown); // Written when it died; what was not written was sent later.
        long applied = await Load.AppliedAsync(server);
        applied.ShouldBeGreaterThanOrEqualTo(load.Succeeded);
        applied.ShouldBeLessThanOrEqualTo(load.Succeeded + load.Failures.Count);
    }

    [Fact]
    public async Task A_frozen_server_fails_commands_in_bounded_time_and_all_goes_on_when_it_thaws()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.Uri + "?commandTimeout=1500ms");
        await CountsAsync(connection, "first");
        server.Freeze();
        (await FailsAsync(connection)).Outcome.ShouldBe(StoreOutcome.Unknown); // Written: nobody knows.
        await Eventually.ReadsAsync(
            async () => (await FailsAsync(connection)).Outcome, static outcome => outcome == StoreOutcome.NotApplied, "the connection is given up");
        server.Resume();
        await CountsAsync(connection, "last");
    }

    [Fact]
    public async Task While_disconnected_the_line_is_bounded_and_each_command_waits_no_longer_than_its_time()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var options = new RedisOptions
        {
            MaxQueuedCommands = 10,
            MaxQueuedBytes = 100_000,
            CommandTimeout = TimeSpan.FromSeconds(5), // longer than any stall between the lines below
        };
        await using RedisConnection connection = await TestConnection.OpenAsync(server.Uri, options);
        server.Kill();
        await Eventually.ReadsAsync(async () => (await FailsAsync(connection)).Outcome, static o => o == StoreOutcome.NotApplied, "the loss is noticed");

        Task<RedisReply>[] waiting = [.. Enumerable.Range(0, 9).Select(_ => connection.EvaluateAsync(_add, ["load"], ["waiting"], default).AsTask())];
        LatchworkStoreException tooMuch = await FailsAsync(connection, new byte[200_000]);
        (tooMuch.Outcome, tooMuch.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        tooMuch.Message.ShouldContain("100000 bytes");
        Task<RedisReply> tenth = connection.EvaluateAsync(_add, ["load"], ["waiting"], default).AsTask();
        LatchworkStoreException tooMany = await FailsAsync(connection);
        tooMany.Message.ShouldContain("10 commands");
        foreach (Task<RedisReply> task in waiting.Append(tenth))
            (await Should.ThrowAsync<LatchworkStoreException>(() => task)).Outcome.ShouldBe(StoreOutcome.NotApplied);

        await server.StartAgainAsync();
        (await connection.EvaluateAsync(_add, ["load"], ["after"], default)).Number.ShouldBe(1);
        (await server.CommandAsync("HEXISTS", "load", "waiting")).ShouldBe("0");
    }

    [Fact]
    public async Task Closing_while_busy_leaves_nobody_waiting()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        foreach (bool frozen in new[] { false, true })
        {
            RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
            await using var load = new Load(connection, callers: 32);
            await load.MoreAsync(100);
            if (frozen) server.Freeze();
            long start = Stopwatch.GetTimestamp();
            await connection.DisposeAsync();
            bool graceIsOver = Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(0.9);
            await load.StopAsync(); // Each caller ends with an answer or an error.
            await Should.ThrowAsync<ObjectDisposedException>(async () => await connection.EvaluateAsync(_add, ["load"], ["x"], default));
            await Should.ThrowAsync<ObjectDisposedException>(async () => await connection.SubscribeAsync("x", _ => { }, () => { }, default));
            await connection.DisposeAsync();
            if (frozen) server.Resume();
            else if (!graceIsOver) load.Failures.ShouldBeEmpty(); // What was under way was waited for, a second at most.
        }
    }

    // Again and again: a command may fail here.
    private static Task CountsAsync(RedisConnection connection, string field) => Eventually.ReadsAsync(
        async () =>
        {
            try
            {
                return (await connection.EvaluateAsync(_add, ["load"], [field], default)).Number;
            }
            catch (LatchworkStoreException)
            {
                return 0;
            }
        },
        static count => count > 0,
        "commands succeed");

    private static Task<LatchworkStoreException> FailsAsync(RedisConnection connection, byte[]? payload = null) =>
        Should.ThrowAsync<LatchworkStoreException>(async () => await connection.EvaluateAsync(_add, ["load"], [payload ?? "x"u8.ToArray()], default));

    /// <summary>Callers that count in the server, each in a field of its own, until they are stopped.</summary>
    private sealed class Load : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task[] _callers;
        private long _succeeded;

        public Load(RedisConnection connection, int callers) =>
            _callers = [.. Enumerable.Range(0, callers).Select(caller => Task.Run(() => CallAsync(connection, $"caller {caller}")))];

        public long Succeeded => Interlocked.Read(ref _succeeded);

        public ConcurrentQueue<LatchworkStoreException> Failures { get; } = new();

        public Task MoreAsync(int count)
        {
            long goal = Succeeded + count;
            return Eventually.HoldsAsync(() => Succeeded >= goal, "the callers succeed");
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_callers).WaitAsync(TimeSpan.FromMinutes(3));
        }

        public static async Task<long> AppliedAsync(RedisServer server) =>
            (await server.CommandAsync("HVALS", "load")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(long.Parse);

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
        }

        private async Task CallAsync(RedisConnection connection, string field)
        {
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    await connection.EvaluateAsync(_add, ["load"], [field], default);
                    Interlocked.Increment(ref _succeeded);
                }
                catch (LatchworkStoreException e)
                {
                    Failures.Enqueue(e);
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
            }
        }
    }
}
