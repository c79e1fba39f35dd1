using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Counting;

[CollectionDefinition(Name, DisableParallelization = true)]
public static class CountedAlone
{
    public const string Name = "Counted alone";
}

/// <summary>
/// What an event and a run cost on Redis: commands that are sent, bytes that are allocated. Bounds are about one and a half times what was
/// measured when they were set (in Release), so they fail when something is added to every event, and not when the machine is slow.
/// </summary>
[Collection(CountedAlone.Name)]
public sealed partial class RedisCostTests : IAsyncLifetime
{
    private const int Many = 6_400;
    private static readonly byte[] _payload = new byte[200];
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);

    private RedisServer _server = null!;
    private RedisStore _store = null!;
    private int _namespaces;

    public async Task InitializeAsync()
    {
        _server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        _store = await RedisStore.ConnectAsync(_server.LenientUri);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Posts_of_many_callers_share_commands()
    {
        await using DistributedTimer timer = await NewAsync();
        double commands = await Costs.LeastAsync(async () => await SentAsync(() => PostManyAsync(timer)) / Many, 0.1);
        commands.ShouldBeLessThanOrEqualTo(0.1);
    }

    [Fact]
    public async Task A_post_of_a_lone_caller_is_one_command()
    {
        await using DistributedTimer timer = await NewAsync();
        (await SentAsync(async () =>
        {
            for (int i = 0; i < 100; i++) await timer.PostAsync(_payload, _hour);
        })).ShouldBe(100);
    }

    [Fact]
    public async Task A_batch_is_sent_two_hundred_events_a_command()
    {
        await using DistributedTimer timer = await NewAsync();
        TimerPost[] posts = [.. Enumerable.Repeat(new TimerPost(_payload, _hour), 2_000)];
        (await SentAsync(() => timer.PostAsync(posts))).ShouldBe(10);
    }

    [Fact]
    public async Task Events_at_load_are_claimed_and_confirmed_many_at_a_time()
    {
        // Tuned: a claim brings 200; confirmations gather while others are under way.
        double commands = await Costs.LeastAsync(async () =>
        {
            await using DistributedTimer timer = await FilledAsync(Many);
            return await SentAsync(() => DrainAsync(timer, Many, maxEvents: 200, maxInFlight: 1_000)) / Many;
        }, 0.15);
        commands.ShouldBeLessThanOrEqualTo(0.15);
    }

    [Fact]
    public async Task An_event_at_the_trickle_costs_a_post_a_claim_and_a_confirmation()
    {
        const int Events = 100;
        await using DistributedTimer poster = await NewAsync();
        await using var listener = new DistributedTimer(_store, new() { Namespace = poster.Namespace });
        SemaphoreSlim handled = new(0);
        await listener.JoinAsync((_, _) =>
        {
            handled.Release();
            return Task.CompletedTask;
        });
        long start = Stopwatch.GetTimestamp();
        int questions = 0;
        double sent = await SentAsync(async () =>
        {
            for (int i = 0; i < Events; i++)
            {
                await poster.PostAsync(_payload, TimeSpan.Zero);
                await handled.WaitAsync();
                await Eventually.ReadsAsync(
                    async () =>
                    {
                        questions++;
                        return (await poster.GetStatsAsync()).InFlight;
                    },
                    inFlight => inFlight == 0,
                    "it is confirmed");
            }
        });

        // An idle listener looks about once a second.
        double looks = 2 * Stopwatch.GetElapsedTime(start).TotalSeconds;
        ((sent - questions - looks) / Events).ShouldBeLessThanOrEqualTo(3.5);
    }

    [Fact]
    public async Task A_post_allocates_little()
    {
        await using DistributedTimer timer = await NewAsync();
        double bound = 1_000 * Costs.Build;
        double allocated = await Costs.LeastAsync(() => Costs.AllocatedAsync(Many, () => PostManyAsync(timer)), bound);
        allocated.ShouldBeLessThanOrEqualTo(bound);
    }

    [Fact]
    public async Task A_claim_with_its_confirmation_allocates_little()
    {
        double bound = 3_050 * Costs.Build;
        double allocated = await Costs.LeastAsync(async () =>
        {
            await using DistributedTimer timer = await FilledAsync(Many);
            return await Costs.AllocatedAsync(Many, () => DrainAsync(timer, Many, maxEvents: 200, maxInFlight: 1_000));
        }, bound);
        allocated.ShouldBeLessThanOrEqualTo(bound);
    }

    [Fact]
    public async Task An_uncontended_run_is_a_request_and_a_publication()
    {
        await using var locker = new ProcessLocker(_store);
        await RunAsync(locker, "first");
        (await SentAsync(async () =>
        {
            for (int i = 0; i < 100; i++) await RunAsync(locker, $"k{i}");
        })).ShouldBeInRange(200, 202, "and what was counted, once a second");
    }

    [Fact]
    public async Task An_uncontended_run_allocates_little()
    {
        await using var locker = new ProcessLocker(_store);
        double bound = 13_300 * Costs.Build;
        int keys = 0;
        double allocated = await Costs.LeastAsync(
            () => Costs.AllocatedAsync(500, async () =>
            {
                for (int i = 0; i < 500; i++) await RunAsync(locker, $"a{keys++}");
            }), bound);
        allocated.ShouldBeLessThanOrEqualTo(bound);
    }

    [Fact]
    public async Task A_request_and_its_publication_by_one_of_many_callers_take_two_turns_of_the_pool_and_little_memory()
    {
        const int Callers = 64, Each = 50;
        await using var locker = new ProcessLocker(_store);
        double bound = 6_500 * Costs.Build;
        double allocated = double.MaxValue, turns = double.MaxValue;
        int round = 0;
        while (round < 6 && (allocated > bound || turns > 2.5))
        {
            string prefix = $"m{round++}";
            long before = ThreadPool.CompletedWorkItemCount;
            allocated = Math.Min(allocated, await Costs.AllocatedAsync(Callers * Each, () => Task.WhenAll(Enumerable.Range(0, Callers).Select(i => Task.Run(() => CallAsync($"{prefix}:{i}"))))));
            turns = Math.Min(turns, (ThreadPool.CompletedWorkItemCount - before) / (double)(Callers * Each));
        }

        allocated.ShouldBeLessThanOrEqualTo(bound);
        turns.ShouldBeLessThanOrEqualTo(2.5, "one where the caller goes on with its lease, one where it goes on with its publication, and a part of the batch's own");

        async Task CallAsync(string prefix)
        {
            for (int i = 0; i < Each; i++)
            {
                RequestResult granted = await locker.RequestAsync($"{prefix}:{i}").ConfigureAwait(false);
                await granted.Lease!.PublishAsync(_payload).ConfigureAwait(false);
            }
        }
    }

    private static Task<byte[]?> RunAsync(ProcessLocker locker, string key) => locker.RunOnceAsync(key, (_, _) => Task.FromResult<byte[]?>(_payload));

    // All immediately: how many go together does not depend on how fast the callers come back.
    private static Task PostManyAsync(DistributedTimer timer) => Task.WhenAll(Enumerable.Range(0, Many).Select(_ => timer.PostAsync(_payload, _hour)));

    [GeneratedRegex("^cmdstat_(evalsha|eval):calls=(?<calls>[0-9]+)", RegexOptions.Multiline)]
    private static partial Regex Scripts();

    private async Task<DistributedTimer> NewAsync()
    {
        var timer = new DistributedTimer(_store, new() { Namespace = $"cost-{_namespaces++}" });
        await timer.PostAsync(_payload, _hour); // the namespace is open, and the scripts are loaded
        return timer;
    }

    private async Task<DistributedTimer> FilledAsync(int events)
    {
        DistributedTimer timer = await NewAsync();
        await timer.PostAsync([.. Enumerable.Repeat(new TimerPost(_payload, TimeSpan.Zero), events)]);
        return timer;
    }

    private async Task DrainAsync(DistributedTimer poster, int events, int maxEvents, int maxInFlight)
    {
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int handled = 0;
        await using var listener = new DistributedTimer(_store, new() { Namespace = poster.Namespace, MaxEvents = maxEvents, MaxInFlight = maxInFlight });
        await listener.JoinAsync((_, _) =>
        {
            if (Interlocked.Increment(ref handled) == events) last.TrySetResult();
            return Task.CompletedTask;
        });
        await last.Task;
        await Eventually.ReadsAsync(async () => (await poster.GetStatsAsync()).InFlight, inFlight => inFlight == 0, "all is confirmed");
    }

    /// <summary>How many scripts clients sent: the stores send nothing else.</summary>
    private async Task<double> SentAsync(Func<Task> work)
    {
        await _server.CommandAsync("CONFIG", "RESETSTAT");
        await work();
        return Scripts().Matches(await _server.CommandAsync("INFO", "commandstats")).Sum(match => double.Parse(match.Groups["calls"].Value, CultureInfo.InvariantCulture));
    }
}
