using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Processes;

/// <summary>
/// Notifications between stores that share a file. Two stores are to each other like two processes: each has a socket, and they know of each other
/// only by the database.
/// </summary>
public sealed class NotificationTests : IAsyncLifetime
{
    /// <summary>A time that has passed: due immediately, where a delay of zero is due at the end of the running millisecond.</summary>
    private static readonly DateTimeOffset _longAgo = DateTimeOffset.UnixEpoch.AddYears(50);

    private static readonly DeadLetterLimits _limits = new(TimeSpan.FromDays(1), 100);

    private readonly TestFolder _folder = new();
    private SqliteStore _here = null!;
    private SqliteStore _there = null!;

    public async Task InitializeAsync()
    {
        _here = await SqliteStore.OpenAsync(_folder.Database);
        _there = await SqliteStore.OpenAsync(_folder.Database);
    }

    public async Task DisposeAsync()
    {
        await _here.DisposeAsync();
        await _there.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_post_here_notifies_the_node_that_listens_there()
    {
        var partition = new TimerPartition("notifications", 0);
        var notified = new TaskCompletionSource<WakeNotification>();
        await _there.Timers.SubscribeAsync("notifications", "there", notification => notified.TrySetResult(notification), default);
        await _there.Timers.ClaimAsync(partition, new ClaimRequest("there", "token", 8, 8, 0, TimeSpan.FromSeconds(10), _limits), default);
        await _here.Timers.PostAsync(partition, [new TimerEntry("a", TimeSpan.FromMinutes(1), "x"u8.ToArray(), 0, IfExists.Replace, null, true)], default);

        WakeNotification notification = await notified.Task.WaitAsync(TimeSpan.FromSeconds(60));
        (notification.Kind, notification.Partition).ShouldBe((WakeNotificationKind.Due, 0));
        notification.AskIn.ShouldBeInRange(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(61)); // the primary waker's, or with the grace the backup waker's
    }

    [Fact]
    public async Task A_revocation_here_is_told_to_the_node_there_with_the_token()
    {
        var partition = new TimerPartition("notifications", 0);
        var revoked = new TaskCompletionSource<WakeNotification>();
        await _there.Timers.SubscribeAsync("notifications", "nöde there", notification => { if (notification.Kind == WakeNotificationKind.Revoked) revoked.TrySetResult(notification); }, default);
        await _here.Timers.PostAsync(partition, [new TimerEntry("ä\0b", _longAgo, "x"u8.ToArray(), 0, IfExists.Replace, null, true)], default);
        TimerClaim claim = await _there.Timers.ClaimAsync(partition, new ClaimRequest("nöde there", "token-1", 8, 8, 0, TimeSpan.FromSeconds(60), _limits), default);
        claim.Events.Single().Id.ShouldBe("ä\0b");
        (await _here.Timers.CancelAsync(partition, "ä\0b", revoke: true, default)).ShouldBe(TimerOutcome.Done);
        (await revoked.Task.WaitAsync(TimeSpan.FromSeconds(60))).Delivery.ShouldBe(new DeliveryKey("ä\0b", "token-1"));
    }

    [Fact]
    public async Task Only_those_who_wait_for_a_key_hear_of_it_and_only_as_longAgo_as_they_wait()
    {
        int a = 0, b = 0;
        var key = new LockerKey("locks", "a");
        IAsyncDisposable waiting = await _there.Locks.SubscribeAsync(key, _ => Interlocked.Increment(ref a), default);
        await using IAsyncDisposable other = await _there.Locks.SubscribeAsync(key with { Key = "b" }, _ => Interlocked.Increment(ref b), default);
        await RunAsync(key);
        await Eventually.HoldsAsync(() => Volatile.Read(ref a) == 1, "the notification of the key that was published");

        await waiting.DisposeAsync();
        _folder.Ask("SELECT count(*) FROM subscriptions").ShouldBe("1");
        await RunAsync(key);
        await RunAsync(key with { Key = "b" });
        await Eventually.HoldsAsync(() => Volatile.Read(ref b) == 1, "the notification of the other key, which is notified later");
        a.ShouldBe(1);
    }

    [Fact]
    public async Task A_process_that_others_forgot_is_heard_of_again_with_all_that_it_waits_for_when_it_subscribes_to_something_else()
    {
        int missed = 0;
        await _there.Timers.SubscribeAsync("notifications", "there", notification => { if (notification.Kind == WakeNotificationKind.Missed) Interlocked.Increment(ref missed); }, default);
        _folder.Ask("DELETE FROM subscriptions RETURNING topic");
        _folder.Ask("DELETE FROM processes RETURNING id"); // as others do when a process was asleep for an hour
        await _there.Locks.SubscribeAsync(new LockerKey("locks", "a"), _ => { }, default);
        _folder.Ask("SELECT count(*) FROM subscriptions").ShouldBe("2");
        await Eventually.HoldsAsync(() => Volatile.Read(ref missed) == 1, "it is told that notifications may have been missed");
    }

    [Fact]
    public async Task A_store_that_is_disposed_leaves_nobody_to_notify()
    {
        await _there.Timers.SubscribeAsync("notifications", "there", _ => { }, default);
        await _there.Locks.SubscribeAsync(new LockerKey("locks", "a"), _ => { }, default);
        _folder.Ask("SELECT count(*) FROM subscriptions").ShouldBe("2");
        await _there.DisposeAsync();
        _folder.Ask("SELECT (SELECT count(*) FROM subscriptions) + (SELECT count(*) FROM processes)").ShouldBe("0");
    }

    [Fact]
    public async Task A_store_that_is_disposed_opens_no_socket_for_who_comes_too_late()
    {
        await _there.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(() => _there.Timers.SubscribeAsync("notifications", "there", _ => { }, default));
        _there.Notifications.Port.ShouldBe(0);
    }

    [Fact]
    public async Task Who_subscribes_while_the_store_is_disposed_of_leaves_no_row()
    {
        await _there.Timers.SubscribeAsync("notifications", "there", _ => { }, default);
        using var hold = new ManualResetEventSlim();
        Task<bool> holding = _there.Writer.RunAsync(_ => hold.Wait(TimeSpan.FromMinutes(1)), isDurable: false, default);

        // In the writer's queue: the farewell first, the newcomers after it.
        Task leaving = _there.Notifications.LeaveAsync();
        Task alive = _there.Notifications.KeepAliveAsync();
        Task late = _there.Timers.SubscribeAsync("notifications", "late", _ => { }, default);
        hold.Set();
        (await holding).ShouldBeTrue();
        await leaving;
        await alive;
        await Should.ThrowAsync<ObjectDisposedException>(() => late);
        await _there.DisposeAsync();

        _folder.Ask("SELECT (SELECT count(*) FROM subscriptions) + (SELECT count(*) FROM processes)").ShouldBe("0");
    }

    [Fact]
    public async Task A_row_that_could_not_be_deleted_goes_with_the_next_keep_alive()
    {
        await using SqliteStore impatient = await SqliteStore.OpenAsync(_folder.Database, new() { BusyTimeout = TimeSpan.FromMilliseconds(100) });
        IAsyncDisposable waiting = await impatient.Locks.SubscribeAsync(new LockerKey("locks", "a"), _ => { }, default);
        await using IAsyncDisposable other = await impatient.Locks.SubscribeAsync(new LockerKey("locks", "b"), _ => { }, default);
        using (var locked = new SqliteConnection($"Data Source={_folder.Database};Pooling=false"))
        {
            locked.Open();
            using SqliteCommand begin = locked.CreateCommand();
            begin.CommandText = "BEGIN IMMEDIATE";
            begin.ExecuteNonQuery();
            await Should.ThrowAsync<LatchworkStoreException>(async () => await waiting.DisposeAsync());
            await impatient.Notifications.KeepAliveAsync(); // fails, too
        }

        _folder.Ask("SELECT count(*) FROM subscriptions").ShouldBe("2");
        await impatient.Notifications.KeepAliveAsync();
        _folder.Ask("SELECT count(*) FROM subscriptions").ShouldBe("1");
    }

    [Fact]
    public async Task A_notification_for_a_process_that_is_gone_disturbs_nobody()
    {
        var key = new LockerKey("locks", "a");
        await _there.Locks.SubscribeAsync(key, _ => { }, default);
        _folder.Ask("UPDATE processes SET port = 9 RETURNING id");
        await RunAsync(key);
        (await _here.Locks.TryGetAsync(key, default)).ShouldNotBeNull();
    }

    private async Task RunAsync(LockerKey key)
    {
        string nonce = Guid.NewGuid().ToString();
        await _here.Locks.ForgetAsync(key, TimeSpan.FromMinutes(1), default);
        var granted = (await _here.Locks.RequestAsync(key, new LockerRequest("here", nonce, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), null, LockOnly: true), default)).ShouldBeOfType<LockGranted>();
        (await _here.Locks.PublishAsync(key, new LockerPublication(granted.FencingToken, nonce, LockerOutcomeKind.Value, "x"u8.ToArray(), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)), default))
            .ShouldBe(PublishOutcome.Accepted);
    }
}
