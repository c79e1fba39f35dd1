using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>Bells: who hears them, and that nothing is missed between subscribing and asking.</summary>
public sealed class LockerBellTests : LockerTest
{
    [Fact]
    public async Task Only_nodes_that_wait_for_a_key_hear_of_it()
    {
        await using RedisStore elsewhere = await RedisStore.ConnectAsync(Server.PatientUri);
        int rings = 0;
        await using IAsyncDisposable waiting = await elsewhere.Locks.SubscribeAsync(Key("a"), () => Interlocked.Increment(ref rings), default);
        (await Server.CommandAsync("PUBSUB", "CHANNELS")).ShouldBe(Name("a", "bell"));

        await PublishAsync("b", await TakeAsync("b"));
        await PublishAsync("a", await TakeAsync("a"));
        await Eventually.HoldsAsync(() => Volatile.Read(ref rings) == 1, "the waiting node hears its own key");
        await ReleaseAsync("c", await TakeAsync("c"));
        await ReleaseAsync("a", await TakeAsync("a"));
        await Eventually.HoldsAsync(() => Volatile.Read(ref rings) == 2, "the waiting node hears its own key");
    }

    [Fact]
    public async Task A_key_waited_for_twice_is_subscribed_once_until_the_last_one_ends()
    {
        int first = 0, second = 0;
        IAsyncDisposable one = await SubscribeAsync("a", () => Interlocked.Increment(ref first));
        IAsyncDisposable two = await SubscribeAsync("a", () => Interlocked.Increment(ref second));
        (await NumberOfSubscribersAsync("a")).ShouldBe("1");

        await one.DisposeAsync();
        await ReleaseAsync("a", await TakeAsync("a"));
        await Eventually.HoldsAsync(() => Volatile.Read(ref second) == 1, "the other subscriber still hears");
        first.ShouldBe(0);

        await two.DisposeAsync();
        await Eventually.ReadsAsync(() => NumberOfSubscribersAsync("a"), number => number == "0", "the channel is given up");
    }

    [Fact]
    public async Task Forgetting_rings_those_who_wait_for_a_lock_and_nobody_else()
    {
        int rings = 0;
        await using IAsyncDisposable waiting = await SubscribeAsync("a", () => Interlocked.Increment(ref rings));
        await Locks.ForgetAsync(Key("a"), LockTimeout, default);
        await TakeAsync("a");
        await Locks.ForgetAsync(Key("a"), LockTimeout, default);
        await Eventually.HoldsAsync(() => Volatile.Read(ref rings) >= 1, "the bell of a lock that was taken away");
        await TryGetAsync("a"); // what was sent before has arrived
        rings.ShouldBe(1);
    }

    [Fact]
    public async Task A_request_made_after_subscribing_misses_nothing_though_neither_is_awaited()
    {
        await using RedisStore elsewhere = await RedisStore.ConnectAsync(Server.PatientUri);
        for (int i = 0; i < 200; i++)
        {
            string key = $"key-{i}";
            long generation = await TakeAsync(key);
            Task<PublishOutcome> publishing = Task.Run(() => PublishAsync(key, generation, freshFor: TimeSpan.Zero));

            var rung = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<IAsyncDisposable> subscribing = elsewhere.Locks.SubscribeAsync(Key(key), () => rung.TrySetResult(), default);
            Task<LockerReply> asking = elsewhere.Locks.RequestAsync(Key(key), Ask("waiter"), default);
            await Task.WhenAll(subscribing, asking, publishing);

            // Either it is decided already, or the bell rings.
            if (await asking is LockHeld) await rung.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await (await subscribing).DisposeAsync();
        }
    }

    [Fact]
    public async Task Whoever_waits_is_rung_after_the_connection_was_away()
    {
        var rung = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IAsyncDisposable waiting = await SubscribeAsync("a", () => rung.TrySetResult());
        await Server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await rung.Task.WaitAsync(TimeSpan.FromSeconds(60));
        (await NumberOfSubscribersAsync("a")).ShouldBe("1");
    }

    [Fact]
    public async Task A_renewal_needs_no_thread_of_the_pool()
    {
        long generation = await TakeAsync("a");
        Server.Freeze(); // so that the answer cannot come before the continuation is attached
        Task<(bool IsHeld, bool OnPool)> renewal;
        try
        {
            renewal = RenewAsync("a", generation).ContinueWith(
                static answer => (answer.Result, Thread.CurrentThread.IsThreadPoolThread),
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
        finally
        {
            Server.Resume();
        }

        (await renewal).ShouldBe((true, false));
    }

    private async Task<string> NumberOfSubscribersAsync(string key) =>
        (await Server.CommandAsync("PUBSUB", "NUMSUB", Name(key, "bell"))).Split('\n')[1];
}
