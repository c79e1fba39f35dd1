using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>The primary is lost in every way, with timers and locks at work, and Sentinels make another one.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    private const int PrimaryKnown = 2006;

    public enum Fault
    {
        Killed,
        Frozen,
        CutOff,
        Demoted,
    }

    [Theory]
    [InlineData(Fault.Killed, true)]
    [InlineData(Fault.Frozen, false)]
    [InlineData(Fault.CutOff, true)]
    [InlineData(Fault.Demoted, false)]
    public async Task All_goes_on_with_the_new_primary_and_nobody_waits_for_the_old_one(Fault fault, bool waits)
    {
        FaultyProxy? proxy = null;
        await using RedisGroup group = await RedisGroup.StartAsync(
            primaryPort: fault == Fault.CutOff ? port => (proxy = new FaultyProxy(port)).Port : null);
        await using IAsyncDisposable proxyEnd = proxy ?? (IAsyncDisposable)new MemoryStream();
        using var log = new LogTimes();
        string uri = group.Uri;
        if (fault == Fault.Demoted)
        {
            // Nobody tells the clients, only the server's answers do.
            foreach (RedisServer sentinel in group.Sentinels) sentinel.Kill();
            uri = $"redis://127.0.0.1:{group.Servers[0].Port},127.0.0.1:{group.Servers[1].Port}/0";
        }

        await using RedisStore store = await RedisStore.ConnectAsync(
            $"{uri}?commandTimeout=30s&connectTimeout=1m{(waits ? "&waitReplicas=1&waitTimeout=100ms" : "")}", new RedisOptions { LoggerFactory = log.Factory() });
        await using var posts = new PostLoad(store);
        await posts.StartAsync();
        await using var locker = new ProcessLocker(store);
        await using var other = new ProcessLocker(store);
        await using WorkLease held = await locker.AcquireAsync("key");
        Task<RequestResult> waiter = other.RequestAsync("key");
        await posts.MoreAsync(200);

        RedisServer old = group.Servers[0];
        int before = log.Lines.Count;
        switch (fault)
        {
            case Fault.Killed:
                old.Kill();
                break;
            case Fault.Frozen:
                old.Freeze();
                break;
            case Fault.CutOff:
                proxy!.CutOff();
                break;
            case Fault.Demoted:
                await group.Servers[1].CommandAsync("REPLICAOF", "NO", "ONE");
                await old.CommandAsync("REPLICAOF", "127.0.0.1", $"{group.Servers[1].Port}");
                break;
        }

        if (fault != Fault.Demoted) await group.NewPrimaryAsync(old);
        await posts.MoreAsync(40);
        await posts.StopAsync();
        await held.DisposeAsync();
        RequestResult result = await waiter.WaitAsync(TimeSpan.FromMinutes(1));
        if (result is { Lease: { } lease }) await lease.DisposeAsync();

        foreach ((int id, string text, long at) in log.Lines.Skip(before).Where(line => line.Id == PrimaryKnown))
        {
            long? resumed = posts.FirstSuccessAfter(at);
            output.WriteLine($"{fault}: {text} The next post succeeded {(resumed is { } r ? Stopwatch.GetElapsedTime(at, r).TotalMilliseconds : -1):F0} ms later.");
        }

        output.WriteLine($"{fault}: {posts.Acknowledged} acknowledged, {posts.Lost} of them lost, {posts.DeadLetters} dead; {posts.NotReplicated} applied but not replicated; {posts.Failures.Count} failed; the longest call took {posts.Longest.TotalSeconds:F2} s.");
        if (waits) posts.Lost.ShouldBe(0, "what was acknowledged is on the replica, which is the primary now");
        if (fault == Fault.Frozen) old.Resume();
    }

    /// <summary>Callers that post events, one after the other, and a listener.</summary>
    internal sealed class PostLoad(RedisStore store, int callers = 4) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly DistributedTimer _timer = new(store, new() { Namespace = "failover", LeaseDuration = TimeSpan.FromSeconds(2) });
        private readonly ConcurrentDictionary<string, long> _acknowledged = new();
        private readonly ConcurrentDictionary<string, long> _notReplicated = new();
        private readonly ConcurrentDictionary<string, bool> _delivered = new();
        private readonly ConcurrentDictionary<string, bool> _dead = new();
        private readonly ConcurrentQueue<TimeSpan> _calls = new();
        private Task[] _callers = [];

        public ConcurrentQueue<Exception> Failures { get; } = new();

        public int Acknowledged => _acknowledged.Count;

        public int DeadLetters => _dead.Count;

        public int Lost => _acknowledged.Keys.Count(id => !_delivered.ContainsKey(id) && !_dead.ContainsKey(id));

        public TimeSpan Longest => _calls.Max();

        public async Task StartAsync()
        {
            await _timer.JoinAsync((delivery, _) =>
            {
                _delivered[delivery.Id] = true;
                return Task.CompletedTask;
            });
            _callers = [.. Enumerable.Range(0, callers).Select(caller => Task.Run(() => PostAsync(caller)))];
        }

        public int NotReplicated => _notReplicated.Count;

        public long? FirstSuccessAfter(long at) => _acknowledged.Values.Concat(_notReplicated.Values).Where(time => time > at).Select(time => (long?)time).Min();

        /// <summary>Waits until so many posts more were acknowledged, and so many delivered.</summary>
        public async Task MoreAsync(int count)
        {
            // With the only replica promoted there is none left to wait for; the posts are applied all the same.
            int posted = _acknowledged.Count + _notReplicated.Count + count, delivered = _delivered.Count + count;
            try
            {
                await Eventually.HoldsAsync(() => _acknowledged.Count + _notReplicated.Count >= posted, "posts are applied", TimeSpan.FromMinutes(1));
                await Eventually.HoldsAsync(() => _delivered.Count >= delivered, "events are delivered", TimeSpan.FromMinutes(1));
            }
            catch (TimeoutException e)
            {
                string[] failures = [.. Failures.TakeLast(5).Select(static failure => failure.Message)];
                throw new TimeoutException($"{e.Message} {_calls.Count} calls have ended, {Failures.Count} of them failed, the last with: {string.Join(" | ", failures)}", e);
            }
        }

        /// <summary>Ends posting and waits until nothing is left in the store.</summary>
        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_callers).WaitAsync(TimeSpan.FromMinutes(1));
            Failures.ShouldAllBe(e => e is LatchworkStoreException);
            await Eventually.ReadsAsync(
                async () =>
                {
                    TimerStats stats = await _timer.GetStatsAsync();
                    return stats.Scheduled + stats.InFlight;
                },
                static left => left == 0,
                "all events are handled",
                TimeSpan.FromMinutes(1));

            // One whose claim was answered too late has used up its only attempt: it is dead, not lost.
            await foreach (TimerSnapshot dead in _timer.DeadLetters.ListAsync()) _dead[dead.Id] = true;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_callers);
            await _timer.DisposeAsync();
            _stop.Dispose();
        }

        private async Task PostAsync(int caller)
        {
            for (int i = 0; !_stop.IsCancellationRequested; i++)
            {
                string id = string.Create(CultureInfo.InvariantCulture, $"{caller}-{i}");
                long start = Stopwatch.GetTimestamp();
                try
                {
                    // With retries: a claim whose reply is lost with the primary may cost the event a lease.
                    await _timer.PostAsync("payload"u8.ToArray(), TimeSpan.Zero, new() { Id = id, MaxRetries = 20 });
                    _acknowledged[id] = Stopwatch.GetTimestamp();
                }
                catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotReplicated)
                {
                    _notReplicated[id] = Stopwatch.GetTimestamp();
                }
                catch (Exception e)
                {
                    Failures.Enqueue(e);
                }

                _calls.Enqueue(Stopwatch.GetElapsedTime(start));
            }
        }
    }
}
