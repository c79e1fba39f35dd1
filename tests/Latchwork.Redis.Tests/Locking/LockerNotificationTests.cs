using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>Notifications: who receives them, and that nothing is missed between subscribing and asking.</summary>
public sealed class LockerNotificationTests : LockerTest
{
    [Fact]
    public async Task Only_nodes_that_wait_for_a_key_hear_of_it()
    {
        await using RedisStore elsewhere = await RedisStore.ConnectAsync(Server.LenientUri);
        int notifications = 0;
        await using IAsyncDisposable waiting = await elsewhere.Locks.SubscribeAsync(Key("a"), _ => Interlocked.Increment(ref notifications), default);
        (await Server.CommandAsync("PUBSUB", "CHANNELS")).ShouldBe(Name("a", "wake"));

        await EndAsync("b", fencingToken => PublishAsync("b", fencingToken));
        await EndAsync("a", fencingToken => PublishAsync("a", fencingToken));
        await Eventually.HoldsAsync(() => Volatile.Read(ref notifications) == 1, "the waiting node hears its own key");
        await EndAsync("c", fencingToken => ReleaseAsync("c", fencingToken));
        await EndAsync("a", fencingToken => ReleaseAsync("a", fencingToken));
        await Eventually.HoldsAsync(() => Volatile.Read(ref notifications) == 2, "the waiting node hears its own key");
    }

    [Fact]
    public async Task A_key_waited_for_twice_is_subscribed_once_until_the_last_one_ends()
    {
        int first = 0, second = 0;
        IAsyncDisposable one = await SubscribeAsync("a", () => Interlocked.Increment(ref first));
        IAsyncDisposable two = await SubscribeAsync("a", () => Interlocked.Increment(ref second));
        (await NumberOfSubscribersAsync("a")).ShouldBe("1");

        await one.DisposeAsync();
        await EndAsync("a", fencingToken => ReleaseAsync("a", fencingToken));
        await Eventually.HoldsAsync(() => Volatile.Read(ref second) == 1, "the other subscriber still hears");
        first.ShouldBe(0);

        await two.DisposeAsync();
        await Eventually.ReadsAsync(() => NumberOfSubscribersAsync("a"), number => number == "0", "the channel is given up");
    }

    [Fact]
    public async Task Forgetting_notifies_those_who_wait_for_a_lock_and_nobody_else()
    {
        int notifications = 0;
        await using IAsyncDisposable waiting = await SubscribeAsync("a", () => Interlocked.Increment(ref notifications));
        await Locks.ForgetAsync(Key("a"), LockTimeout, default);
        await EndAsync("a", _ => Locks.ForgetAsync(Key("a"), LockTimeout, default));
        await Eventually.HoldsAsync(() => Volatile.Read(ref notifications) >= 1, "the notification of a lock that was taken away");
        await TryGetAsync("a"); // what was sent before has arrived
        notifications.ShouldBe(1);
    }

    [Fact]
    public async Task A_request_made_after_subscribing_misses_nothing_though_neither_is_awaited()
    {
        await using RedisStore elsewhere = await RedisStore.ConnectAsync(Server.LenientUri);
        for (int i = 0; i < 200; i++)
        {
            string key = $"key-{i}";
            long fencingToken = await TakeAsync(key);
            Task<PublishOutcome> publishing = Task.Run(() => PublishAsync(key, fencingToken, freshFor: TimeSpan.Zero));

            var notified = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task<IAsyncDisposable> subscribing = elsewhere.Locks.SubscribeAsync(Key(key), _ => notified.TrySetResult(), default);
            Task<LockerReply> asking = elsewhere.Locks.RequestAsync(Key(key), Ask("waiter"), default);
            await Task.WhenAll(subscribing, asking, publishing);

            // Either it is decided already, or a notification comes.
            if (await asking is LockHeld) await notified.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await (await subscribing).DisposeAsync();
        }
    }

    [Fact]
    public async Task Whoever_waits_is_notified_after_the_connection_was_away()
    {
        var notified = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IAsyncDisposable waiting = await SubscribeAsync("a", () => notified.TrySetResult());
        await Server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await notified.Task.WaitAsync(TimeSpan.FromSeconds(60));
        (await NumberOfSubscribersAsync("a")).ShouldBe("1");
    }

    [Fact]
    public async Task A_renewal_needs_no_thread_of_the_pool()
    {
        long fencingToken = await TakeAsync("a");
        Server.Freeze(); // so that the answer cannot come before the continuation is attached
        Task<(bool IsHeld, bool OnPool)> renewal;
        try
        {
            renewal = RenewAsync("a", fencingToken).ContinueWith(
                static answer => (answer.Result, Thread.CurrentThread.IsThreadPoolThread),
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
        finally
        {
            Server.Resume();
        }

        (await renewal).ShouldBe((true, false));
    }

    [Fact]
    public async Task Nobody_is_notified_of_a_key_that_nobody_waits_for_and_whoever_waits_is_notified_once()
    {
        int notified = 0;
        await using IAsyncDisposable waiting = await SubscribeAsync("a", () => Interlocked.Increment(ref notified));
        await PublishAsync("a", await TakeAsync("a"), freshFor: TimeSpan.Zero);
        await EndAsync("a", fencingToken => PublishAsync("a", fencingToken, freshFor: TimeSpan.Zero));
        await Eventually.HoldsAsync(() => Volatile.Read(ref notified) == 1, "the one that was waited for");
        await ReleaseAsync("a", await TakeAsync("a"));
        await TryGetAsync("a"); // what was sent before has arrived
        notified.ShouldBe(1);
    }

    [Fact]
    public async Task A_takeover_keeps_the_mark_of_those_who_wait()
    {
        int notified = 0;
        await using IAsyncDisposable waiting = await SubscribeAsync("a", () => Interlocked.Increment(ref notified));
        await TakeAsync("a", "first", lease: TimeSpan.FromMilliseconds(200));
        await WaitForAsync("a");
        long second = (await Eventually.ReadsAsync(
            () => RequestAsync("a", Ask("second")), static reply => reply is LockGranted, "the lease runs out")).ShouldBeOfType<LockGranted>().FencingToken;
        await ReleaseAsync("a", second, "second");
        await Eventually.HoldsAsync(() => Volatile.Read(ref notified) == 1, "who waited for the first owner hears of the second");
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(200, true)]
    [InlineData(4096, true)]
    [InlineData(4097, false)]
    public async Task A_notification_carries_an_outcome_that_is_small(int length, bool isCarried)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var notified = new TaskCompletionSource<LockerNotification?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IAsyncDisposable waiting = await Locks.SubscribeAsync(Key("a"), notification => notified.TrySetResult(notification), default);
        long fencingToken = await TakeAsync("a", "owner");
        await WaitForAsync("a");
        await PublishAsync("a", fencingToken, bytes, "owner");
        LockerNotification? notification = await notified.Task.WaitAsync(TimeSpan.FromSeconds(60));
        (notification is not null).ShouldBe(isCarried);
        if (notification is null) return;
        notification.Nonce.ShouldBe("owner");
        (notification.Outcome.FencingToken, notification.Outcome.Kind, notification.Outcome.IsFresh).ShouldBe((fencingToken, LockerOutcomeKind.Value, true));
        notification.Outcome.Data.ToArray().ShouldBe(bytes);
        (await TryGetAsync("a")).ShouldNotBeNull().Data.ToArray().ShouldBe(bytes);
    }

    [Fact]
    public async Task A_message_of_another_hand_is_a_mere_hint()
    {
        var notified = new System.Collections.Concurrent.ConcurrentQueue<LockerNotification?>();
        await using IAsyncDisposable waiting = await Locks.SubscribeAsync(Key("a"), notified.Enqueue, default);
        string[] forged = ["", "x", new('x', 33), new('\u00ff', 100), new('0', 5000)];
        foreach (string message in forged) await Server.CommandAsync("PUBLISH", Name("a", "wake"), message);
        await Eventually.HoldsAsync(() => notified.Count == forged.Length, "each is heard");
        notified.ShouldAllBe(notification => notification == null);
    }

    [Fact]
    public async Task Databases_of_one_server_do_not_hear_each_other()
    {
        await using RedisStore other = await RedisStore.ConnectAsync(Server.Uri + "?db=3");
        await other.Locks.OpenAsync(Namespace, default);
        int here = 0, there = 0;
        await using IAsyncDisposable one = await SubscribeAsync("a", () => Interlocked.Increment(ref here));
        await using IAsyncDisposable two = await other.Locks.SubscribeAsync(Key("a"), _ => Interlocked.Increment(ref there), default);
        LockGranted granted = (await other.Locks.RequestAsync(Key("a"), Ask("n"), default)).ShouldBeOfType<LockGranted>();
        (await other.Locks.RequestAsync(Key("a"), Ask("waiter"), default)).ShouldBeOfType<LockHeld>();
        await other.Locks.ReleaseAsync(Key("a"), granted.FencingToken, "n", default);
        await Eventually.HoldsAsync(() => Volatile.Read(ref there) == 1, "its own database hears it");
        await EndAsync("a", fencingToken => ReleaseAsync("a", fencingToken));
        await Eventually.HoldsAsync(() => Volatile.Read(ref here) == 1, "and this one hears its own");
        there.ShouldBe(1);
    }

    /// <summary>Takes a lock, has it waited for, and ends it.</summary>
    private async Task EndAsync<T>(string key, Func<long, Task<T>> end)
    {
        long fencingToken = await TakeAsync(key);
        await WaitForAsync(key);
        await end(fencingToken);
    }

    private async Task<string> NumberOfSubscribersAsync(string key) =>
        (await Server.CommandAsync("PUBSUB", "NUMSUB", Name(key, "wake"))).Split('\n')[1];
}
