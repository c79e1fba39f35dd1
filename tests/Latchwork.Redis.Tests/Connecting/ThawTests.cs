using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>
/// A primary freezes, another one takes its place, and the old one thaws and still believes, for a moment, to be what it was. Nothing that was
/// acknowledged may have been written there.
/// </summary>
public sealed class ThawTests(ITestOutputHelper output)
{
    private const int Callers = 64;
    private static readonly RedisScript _add = new("add", "return redis.call('SADD', KEYS[1], ARGV[1])");

    /// <summary>How often, by hand: THAW_ROUNDS=10.</summary>
    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("THAW_ROUNDS"), CultureInfo.InvariantCulture, out int rounds) ? rounds : 1;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Behind_Sentinels_what_was_acknowledged_is_at_the_new_primary(bool isQuiet)
    {
        for (int round = 1; round <= Rounds; round++)
        {
            await using RedisGroup group = await RedisGroup.StartAsync();
            await RunAsync(
                $"{group.Uri}?commandTimeout=20s&connectTimeout=1m",
                isQuiet,
                round,
                group.Servers[0],
                group.Servers[1],
                () => group.NewPrimaryAsync(group.Servers[0]));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task In_a_cluster_what_was_acknowledged_is_at_the_new_primary(bool isQuiet)
    {
        for (int round = 1; round <= Rounds; round++)
        {
            await using RedisCluster cluster = await RedisCluster.StartAsync();
            int slot = HashSlot.Of("ids");
            RedisServer old = await cluster.OwnerOfAsync(slot);
            await RunAsync(
                $"{cluster.Uri}?commandTimeout=20s&connectTimeout=1m", isQuiet, round, old, await cluster.ReplicaOfAsync(old), () => cluster.NewOwnerAsync(slot, old));
        }
    }

    private async Task RunAsync(string uri, bool isQuiet, int round, RedisServer old, RedisServer replica, Func<Task<RedisServer>> electAsync)
    {
        await using RedisConnection connection = await TestConnection.OpenAsync(uri);
        await using var load = new Load(connection);
        load.Begin();
        await load.MoreAsync(2000);
        if (isQuiet)
        {
            // Then nothing may be lost at all: the replica has everything.
            await load.EndAsync();
            await Eventually.ReadsAsync(() => CountAsync(replica), count => count >= load.Acknowledged.Count, "all is replicated");
        }

        old.Freeze();
        long frozenAt = Stopwatch.GetTimestamp();
        string[] before = [];
        HashSet<string> replicated = [];
        try
        {
            if (isQuiet) load.Begin();

            // What had been answered arrives yet; after that nobody acknowledges anything until another primary is there.
            int answered = load.Acknowledged.Count;
            await Eventually.ReadsAsync(
                async () =>
                {
                    int last = answered;
                    await Task.Delay(50);
                    answered = load.Acknowledged.Count;
                    return answered == last;
                },
                quiet => quiet,
                "answers have ceased");
            before = [.. load.Acknowledged.Keys];
            replicated = await MembersAsync(replica);
            (await electAsync()).ShouldBe(replica);
            long known = Stopwatch.GetTimestamp();
            await load.MoreAsync(1);
            output.WriteLine($"{round}: elected {Stopwatch.GetElapsedTime(frozenAt, known).TotalMilliseconds:F0} ms after the freeze; the next success {Stopwatch.GetElapsedTime(known).TotalMilliseconds:F0} ms later.");
        }
        finally
        {
            old.Resume();
        }

        await load.MoreAsync(2000);
        await Eventually.ReadsAsync(() => old.CommandAsync("ROLE"), role => role.StartsWith("slave", StringComparison.Ordinal), "it follows the new primary");
        await load.MoreAsync(500);
        await load.EndAsync();

        HashSet<string> there = await MembersAsync(replica);
        string[] lost = [.. load.Acknowledged.Keys.Where(id => !there.Contains(id))];
        string[] neverReplicated = [.. before.Where(id => !replicated.Contains(id))];
        output.WriteLine($"{round}: {load.Acknowledged.Count} acknowledged ({before.Length} before the freeze, of which the replica never had {neverReplicated.Length}), {load.Unknown} unknown, {load.NotApplied} not applied; {lost.Length} lost.");
        lost.Except(neverReplicated).ShouldBeEmpty("what the replica had, and what was acknowledged later, is there");
        if (isQuiet) lost.ShouldBeEmpty();
        load.Others.ShouldBeEmpty();
    }

    private static async Task<int> CountAsync(RedisServer server) => int.Parse(await CommandAsync(server, "SCARD", "ids"), CultureInfo.InvariantCulture);

    private static async Task<HashSet<string>> MembersAsync(RedisServer server) => [.. (await CommandAsync(server, "SMEMBERS", "ids")).Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    // A replica of a cluster answers reads for those only who say that they want them.
    private static Task<string> CommandAsync(RedisServer server, string command, string key) => RespClient.SendAsync(server.EndPoint, ["READONLY"], [command, key]);

    private sealed class Load(RedisConnection connection) : IAsyncDisposable
    {
        private CancellationTokenSource _stop = new();
        private Task[] _callers = [];
        private int _next, _unknown, _notApplied;

        public ConcurrentDictionary<string, bool> Acknowledged { get; } = new();

        public ConcurrentQueue<Exception> Others { get; } = new();

        public int Unknown => _unknown;

        public int NotApplied => _notApplied;

        public void Begin()
        {
            _stop = new CancellationTokenSource();
            _callers = [.. Enumerable.Range(0, Callers).Select(_ => Task.Run(AddAsync))];
        }

        public Task MoreAsync(int count)
        {
            int wanted = Acknowledged.Count + count;
            return Eventually.HoldsAsync(() => Acknowledged.Count >= wanted, "more is acknowledged");
        }

        public async Task EndAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_callers);
            _stop.Dispose();
        }

        public async ValueTask DisposeAsync()
        {
            try
            {
                await EndAsync();
            }
            catch (ObjectDisposedException)
            {
                // It was ended already.
            }
        }

        private async Task AddAsync()
        {
            while (!_stop.IsCancellationRequested)
            {
                string id = Interlocked.Increment(ref _next).ToString(CultureInfo.InvariantCulture);
                try
                {
                    RedisReply reply = await connection.EvaluateAsync(_add, ["ids"], [id], CancellationToken.None);
                    if (reply.Number == 1) Acknowledged[id] = true;
                    else Others.Enqueue(new InvalidOperationException($"{id} was there already"));
                }
                catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.Unknown)
                {
                    Interlocked.Increment(ref _unknown);
                }
                catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotApplied)
                {
                    Interlocked.Increment(ref _notApplied);
                }
                catch (Exception e)
                {
                    Others.Enqueue(e);
                }
            }
        }
    }
}
