using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>How lockers wait on Redis: by the notification, with a bounded look in between, and without polling.</summary>
public sealed partial class LockerWaitingTests : LockerTest
{
    private static readonly TimeSpan _recheck = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task A_hundred_waiters_send_one_request_in_each_re_check_and_nothing_else()
    {
        long fencingToken = await TakeAsync("a");
        await using ProcessLocker locker = NewLocker(Store);
        Task<string>[] waiters = Wait(locker, "a", 100);
        await Eventually.ReadsAsync(() => NumberOfSubscribersAsync("a"), number => number == 1, "they wait");

        long start = Stopwatch.GetTimestamp();
        await Server.CommandAsync("CONFIG", "RESETSTAT");
        long looks = await Eventually.ReadsAsync(() => CallsAsync("evalsha"), calls => calls >= 4, "four looks");
        looks.ShouldBeLessThanOrEqualTo((long)(Stopwatch.GetElapsedTime(start) / _recheck) + 2);
        string stats = await Server.CommandAsync("INFO", "commandstats");
        stats.ShouldNotContain("cmdstat_subscribe");
        stats.ShouldNotContain("cmdstat_eval:");

        await PublishAsync("a", fencingToken, "\"done\"");
        (await Task.WhenAll(waiters)).ShouldAllBe(result => result == "done");
        await Eventually.ReadsAsync(() => NumberOfSubscribersAsync("a"), number => number == 0, "nobody listens any more");
    }

    [Fact]
    public async Task Ten_thousand_callers_in_one_process_make_one_request_and_one_publication()
    {
        await using ProcessLocker locker = NewLocker(Store);
        await locker.TryGetAsync("other"); // opens the namespace
        await Server.CommandAsync("CONFIG", "RESETSTAT");
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int runs = 0;
        Task<string>[] callers =
        [
            .. Enumerable.Range(0, 10_000).Select(_ => locker.RunOnceAsync("a", async (_, _) =>
            {
                Interlocked.Increment(ref runs);
                await go.Task;
                return "done";
            })),
        ];
        go.SetResult();
        (await Task.WhenAll(callers)).ShouldAllBe(result => result == "done");
        runs.ShouldBe(1);
        (await CallsAsync("evalsha")).ShouldBeLessThanOrEqualTo(4, "a request and a publication, each perhaps once more to load the script");
    }

    [Fact]
    public async Task When_all_notifications_are_lost_everyone_is_served_by_the_poll()
    {
        long fencingToken = await TakeAsync("a");
        await using RedisStore unsubscribed = new RedisStore(new UnsubscribedConnection(await TestConnection.OpenAsync(Server.LenientUri)), new RedisOptions());
        await using ProcessLocker locker = NewLocker(unsubscribed);
        Task<string>[] waiters = Wait(locker, "a", 100);
        await Eventually.ReadsAsync(() => NumberOfSubscribersAsync("a"), number => number == 1, "they wait");

        // The first of three more looks may be under way already, the second is sent by all of them, and before the third it has been answered.
        long looks = await CallsAsync("evalsha");
        await Eventually.ReadsAsync(() => CallsAsync("evalsha"), calls => calls >= looks + 3, "they look again");

        // Handed over only: nobody who comes later would get it, so each must have looked in time.
        await PublishAsync("a", fencingToken, "\"done\"", freshFor: TimeSpan.Zero, handOverFor: TimeSpan.FromMinutes(10));
        (await Task.WhenAll(waiters).WaitAsync(TimeSpan.FromSeconds(60))).ShouldAllBe(result => result == "done");
    }

    [Fact]
    public async Task When_every_connection_is_killed_while_they_wait_everyone_is_served()
    {
        long fencingToken = await TakeAsync("a");
        await using RedisStore elsewhere = await RedisStore.ConnectAsync(Server.LenientUri);
        await using ProcessLocker here = NewLocker(Store), there = NewLocker(elsewhere);
        Task<string>[] waiters = [.. Wait(here, "a", 50), .. Wait(there, "a", 50)];
        await Eventually.ReadsAsync(() => NumberOfSubscribersAsync("a"), number => number == 2, "they wait");

        await Server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await Server.CommandAsync("CLIENT", "KILL", "TYPE", "normal");
        await Eventually.ReadsAsync(
            async () =>
            {
                try
                {
                    return await PublishAsync("a", fencingToken, "\"done\"");
                }
                catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.Unknown)
                {
                    return (PublishOutcome?)null; // repeating it is safe
                }
            },
            outcome => outcome is not null,
            "it is published");
        (await Task.WhenAll(waiters).WaitAsync(TimeSpan.FromSeconds(60))).ShouldAllBe(result => result == "done");
    }

    private static long Number(string text) => text.Length == 0 ? 0 : long.Parse(text, CultureInfo.InvariantCulture);

    private static ProcessLocker NewLocker(RedisStore store) =>
        new(store, new LockerOptions { Namespace = Namespace, FallbackPollInterval = _recheck, LeaseDuration = TimeSpan.FromMinutes(10) });

    private static Task<string>[] Wait(ProcessLocker locker, string key, int count) =>
    [
        .. Enumerable.Range(0, count).Select(_ => locker.RunOnceAsync<string>(key, (_, _) => throw new InvalidOperationException("Nobody here is to do the work."))),
    ];

    [GeneratedRegex("cmdstat_(?<command>[a-z]+):calls=(?<calls>[0-9]+)")]
    private static partial Regex CommandStatistics();

    private async Task<long> CallsAsync(string command) =>
        CommandStatistics().Matches(await Server.CommandAsync("INFO", "commandstats"))
            .Where(match => match.Groups["command"].Value == command)
            .Sum(match => long.Parse(match.Groups["calls"].Value, CultureInfo.InvariantCulture));

    private async Task<long> NumberOfSubscribersAsync(string key) =>
        Number((await Server.CommandAsync("PUBSUB", "NUMSUB", Name(key, "wake"))).Split('\n')[1]);
}
