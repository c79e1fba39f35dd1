using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Who is told to ask, when, and by which notification: the primary waker, the backup waker, and everybody else.</summary>
public abstract class TimerWakingSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    private readonly Dictionary<string, NotificationRecorder> _notifications = [];

    private static TimeSpan LongestTakeover => Ms(250);

    public override async Task DisposeAsync()
    {
        foreach (NotificationRecorder notifications in _notifications.Values) await notifications.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task The_node_that_claims_sleeps_exactly_until_the_head()
    {
        Clock.Advance(TimeSpan.FromMicroseconds(250));
        await PostAsync("a", 300);
        (await AskAsync("n1")).AskAgainIn.ShouldBe(Ms(300.75), "due times are rounded up to whole milliseconds");
        Clock.Advance(Ms(300.5));
        (await AskAsync("n1")).AskAgainIn.ShouldBe(Ms(0.25), "early by a hair is told to wait a hair");
        Clock.Advance(Ms(0.25));
        (await ClaimIdsAsync("n1")).ShouldBe(["a"]);
    }

    [Fact]
    public async Task The_second_node_is_the_guard_and_all_others_wait_for_their_turn()
    {
        await PostAsync("a", 500);
        (await AskAsync("n1")).AskAgainIn.ShouldBe(Ms(500));
        (await AskAsync("n2")).AskAgainIn.ShouldBeInRange(Ms(550), Ms(700));
        for (int i = 3; i <= 6; i++) (await AskAsync($"n{i}")).AskAgainIn.ShouldBeInRange(Seconds(i) - Ms(1), Seconds(i));
    }

    [Fact]
    public async Task With_nothing_to_wait_for_a_node_is_told_its_turn() =>
        (await AskAsync("n1")).AskAgainIn.ShouldBeInRange(Ms(900), Ms(1_100));

    [Fact]
    public async Task An_earlier_head_notifies_two_nodes_a_primary_and_a_backup()
    {
        await ListenAsync("n1", "n2", "n3", "n4");
        await PostAsync("a", 500);
        await NotifiedAsync(2);

        // That some may have been missed may be said at any time.
        WakeNotification[] notifications =
            [.. _notifications.Values.SelectMany(b => b.All).Where(one => one.Kind != WakeNotificationKind.Missed).OrderBy(notification => notification.AskIn)];
        notifications.ShouldAllBe(notification => notification.Kind == WakeNotificationKind.Due && notification.Partition == Partition.Index);
        notifications[0].AskIn.ShouldBe(Ms(500), Ms(1));
        notifications[1].AskIn.ShouldBeInRange(Ms(549), Ms(701));
        _notifications.Values.Max(b => b.DueCount).ShouldBe(1, "two different nodes");
    }

    [Fact]
    public async Task A_later_event_notifies_nobody()
    {
        await ListenAsync("n1", "n2", "n3", "n4");
        await PostAsync("a", 700);
        await NotifiedAsync(2);
        await PostAsync(Entry("b", 700), Entry("c", 900));
        await PostAsync("d", 60_000);
        await PostAsync("e", 600);
        await NotifiedAsync(4);
        _notifications.Values.Select(b => b.DueCount).ShouldBe([1, 2, 1, 0], "each earlier head notifies the next as primary, and the one after it as backup");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Nodes_take_turns_to_be_notified_as_primary(int nodes)
    {
        await ListenAsync([.. Enumerable.Range(1, nodes).Select(i => $"n{i}")]);
        for (int i = 0; i < nodes * 2; i++) await PostAsync($"e{i}", 900 - i);
        await NotifiedAsync(nodes * 4);

        // A backup waker is told a grace of 50 ms or more on top.
        foreach (NotificationRecorder notifications in _notifications.Values)
        {
            notifications.All.Count(one => one.Kind == WakeNotificationKind.Due && one.AskIn <= Ms(900)).ShouldBe(2);
        }
    }

    [Fact]
    public async Task A_primary_that_claims_for_longer_than_a_turn_passes_its_role_on()
    {
        await PostAsync(Entry("a", 0), Entry("b", 500));
        await ListenAsync("n1", "n2", "n3");
        Clock.Advance(Ms(300));
        int before = Total;
        TimerClaim claim = await AskAsync("n1", max: 1);
        claim.Events.Count.ShouldBe(1);
        claim.AskAgainIn.ShouldBeInRange(Ms(250), Ms(400), "it is the backup waker now");
        await Eventually.HoldsAsync(() => Total == before + 1, "another is the primary waker");
        await WokenAsync(Ms(200), "n2", "n3");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_claim_that_leaves_due_events_behind_notifies_two_others_and_waits_for_them_if_it_yields(bool yields)
    {
        await ListenAsync("n1", "n2", "n3", "n4");
        await PostAsync([.. Enumerable.Range(0, 30).Select(i => Entry($"e{i}", 0))]);
        await NotifiedAsync(2);
        TimerClaim claim = await AskAsync("n1", max: 8, yields: yields);
        claim.Events.Count.ShouldBe(8);
        claim.AskAgainIn.ShouldBe(yields ? Ms(30) : TimeSpan.Zero);
        await NotifiedAsync(yields ? 4 : 2);
    }

    [Fact]
    public async Task A_node_that_is_alone_yields_to_nobody()
    {
        await ListenAsync("n1");
        await PostAsync([.. Enumerable.Range(0, 30).Select(i => Entry($"e{i}", 0))]);
        (await AskAsync("n1", max: 8, yields: true)).AskAgainIn.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_node_yields_to_nobody_if_enough_is_due_for_all()
    {
        await ListenAsync("n1", "n2");
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"e{i}", 0))]);
        (await AskAsync("n1", max: 8, yields: true)).AskAgainIn.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_node_does_not_yield_again_to_those_who_did_not_come()
    {
        await ListenAsync("n1", "n2", "n3");
        await PostAsync([.. Enumerable.Range(0, 30).Select(i => Entry($"e{i}", 0))]);
        (await AskAsync("n1", max: 8, yields: true)).AskAgainIn.ShouldBe(Ms(30));
        Clock.Advance(Ms(30));
        (await AskAsync("n1", max: 8, yields: true)).AskAgainIn.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_batch_notifies_once()
    {
        await ListenAsync("n1", "n2", "n3", "n4");
        await PostAsync([.. Enumerable.Range(0, 50).Select(i => Entry($"e{i}", 900 - i))]);
        await PostAsync("last", 10);
        await NotifiedAsync(4);
    }

    [Theory]
    [InlineData("change delay")]
    [InlineData("retry")]
    [InlineData("release")]
    [InlineData("requeue")]
    [InlineData("replace")]
    public async Task Whatever_makes_an_earlier_head_notifies(string what)
    {
        await PostAsync(Entry("held", 0, maxRetries: 1));
        DeliveryKey held = await TakeAsync("held", "n0");
        await KillAsync("dead");
        await PostAsync("a", 60_000);
        await ListenAsync("n1", "n2", "n3");

        Task<TimerOutcome> change = what switch
        {
            "change delay" => ChangeDelayAsync("a", Due.In(Ms(100))),
            "retry" => FailAsync(held, Ms(100)),
            "release" => ReleaseAsync(held),
            "requeue" => RequeueAsync(new DeadLetterKey("dead", null), Due.In(Ms(100))),
            _ => PostAsync("a", 100).ContinueWith(_ => TimerOutcome.Done, TaskScheduler.Default),
        };
        (await change).ShouldBe(TimerOutcome.Done);
        await WokenAsync(what == "release" ? TimeSpan.Zero : Ms(100), "n1", "n2", "n3");
    }

    [Fact]
    public async Task A_node_without_room_is_not_woken_until_it_asks_again()
    {
        await ListenAsync("n1", "n2", "n3");
        await AskFullAsync("n1");
        await PostAsync("a", 900);
        await PostAsync("b", 800);
        await PostAsync("c", 700);
        await NotifiedAsync(6);
        _notifications["n1"].DueCount.ShouldBe(0);

        await AskAsync("n1");
        for (int i = 0; i < 3; i++) await PostAsync($"d{i}", 600 - i);
        await Eventually.HoldsAsync(() => _notifications["n1"].DueCount > 0, "it has room and is woken again");
    }

    [Fact]
    public async Task A_claim_that_uses_up_the_room_makes_the_node_full()
    {
        await ListenAsync("n1", "n2", "n3");
        await PostAsync([.. Enumerable.Range(0, 8).Select(i => Entry($"e{i}", 0))]);
        await NotifiedAsync(2);
        int before = _notifications["n1"].DueCount;
        (await AskAsync("n1", max: 8, capacity: 8)).Events.Count.ShouldBe(8);
        for (int i = 0; i < 4; i++) await PostAsync($"later{i}", 500 - i);
        await Eventually.HoldsAsync(() => Total >= 8, "the others are woken");
        _notifications["n1"].DueCount.ShouldBe(before);
        (await Timers.GetNodesAsync(Partition, CancellationToken.None)).Single(n => n.NodeId == "n1").State.ShouldBe(TimerNodeState.Full);
    }

    [Fact]
    public async Task A_node_that_runs_full_passes_its_role_on()
    {
        await PostAsync("a", 400);
        await ListenAsync("n1", "n2", "n3");
        Clock.Advance(Ms(100));
        await AskFullAsync("n1");
        await WokenAsync(Ms(300), "n2", "n3");
    }

    [Fact]
    public async Task A_node_that_leaves_passes_its_role_on_and_is_not_woken_again()
    {
        await PostAsync("a", 400);
        await ListenAsync("n1", "n2", "n3");
        await Timers.LeaveAsync(Partition, "n1", CancellationToken.None);
        await WokenAsync(Ms(400), "n2", "n3");
        for (int i = 0; i < 3; i++) await PostAsync($"b{i}", 300 - i);
        await Eventually.HoldsAsync(() => Total >= 6, "the others are woken");
        _notifications["n1"].DueCount.ShouldBe(0);
    }

    [Fact]
    public async Task A_notification_that_nobody_receives_goes_to_the_next_node()
    {
        for (int i = 0; i < 30; i++) await AskAsync($"dead{i}");
        await ListenAsync("n1", "n2");
        await PostAsync("a", 300);
        await NotifiedAsync(2);
        _notifications.Values.Select(b => b.DueCount).ShouldBe([1, 1]);
    }

    [Fact]
    public async Task With_no_listener_left_a_post_still_succeeds()
    {
        for (int i = 0; i < 100; i++) await AskAsync($"dead{i}");
        (await PostAsync("a", 0)).ShouldBe(PostOutcome.Created);
        (await PostAsync("b", 0)).ShouldBe(PostOutcome.Created);
        (await ClaimIdsAsync("n1")).ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task The_backup_takes_over_from_a_primary_that_does_not_come()
    {
        await PostAsync("a", 400);
        await AskAsync("frozen");
        TimeSpan backupComes = (await AskAsync("n2")).AskAgainIn;
        backupComes.ShouldBeLessThanOrEqualTo(Ms(400) + LongestTakeover);
        Clock.Advance(backupComes);
        (await ClaimIdsAsync("n2")).ShouldBe(["a"]);
        await PostAsync("b", 100);
        (await AskAsync("n2")).AskAgainIn.ShouldBe(Ms(100), "the backup waker has become the primary");
    }

    [Fact]
    public async Task The_backup_comes_in_time_when_the_node_that_was_notified_is_frozen()
    {
        await ListenAsync("n1", "n2", "n3");
        await PostAsync("a", 200);
        await NotifiedAsync(2);
        TimeSpan backupComes = _notifications.Values.SelectMany(b => b.All).Max(notification => notification.AskIn);
        backupComes.ShouldBeLessThanOrEqualTo(Ms(200) + LongestTakeover);
        string backup = _notifications.Single(pair => pair.Value.All.Any(notification => notification.AskIn == backupComes)).Key;
        Clock.Advance(backupComes);
        (await ClaimIdsAsync(backup)).ShouldBe(["a"]);
    }

    [Fact]
    public async Task A_primary_that_failed_to_come_is_not_woken_until_it_asks_again()
    {
        await ListenAsync("n1", "n2", "n3");
        await PostAsync("a", 200);
        await NotifiedAsync(2);
        string primary = _notifications.MinBy(pair => pair.Value.All.Select(notification => notification.AskIn).DefaultIfEmpty(TimeSpan.MaxValue).Min()).Key;
        string backup = _notifications.Where(pair => pair.Key != primary && pair.Value.DueCount > 0).Single().Key;
        Clock.Advance(Ms(400));
        DeliveryKey a = await TakeAsync("a", backup);
        await ConfirmAsync(a);
        for (int i = 0; i < 4; i++) await PostAsync($"b{i}", 400 - i);
        await Eventually.HoldsAsync(() => Total >= 8, "the others are woken");
        _notifications[primary].DueCount.ShouldBe(1);
    }

    [Fact]
    public async Task A_primary_that_came_late_is_woken_for_the_next_event()
    {
        await ListenAsync("n1");
        await PostAsync("a", 0);
        await NotifiedAsync(1);
        Clock.Advance(Ms(40)); // longer than anybody relies on it
        await TakeAsync("a", "n1");
        Clock.Advance(Ms(40));
        await PostAsync("b", 0);
        await NotifiedAsync(2);
    }

    [Fact]
    public async Task The_end_of_a_lease_is_a_head_too()
    {
        await PostAsync("a", 0, maxRetries: 1);
        await TakeAsync("a", "dies", lease: Ms(600));
        (await AskAsync("n2")).AskAgainIn.ShouldBeInRange(Ms(600), Ms(800), "it guards the end of the lease");
        Clock.Advance(Ms(800));
        (await ClaimIdsAsync("n2")).ShouldBe(["a"]);
    }

    /// <summary>How often anybody was told to ask.</summary>
    // Another may be woken, a little later, in case the first does not come; and notifications have no order.
    private Task WokenAsync(TimeSpan askIn, params string[] nodes) => Eventually.HoldsAsync(
        () => nodes.SelectMany(node => _notifications[node].All).Any(one => one.Kind == WakeNotificationKind.Due && (one.AskIn - askIn).Duration() <= Ms(1)),
        $"one of {string.Join(", ", nodes)} is woken to claim in {askIn}");

    private int Total => _notifications.Values.Sum(b => b.DueCount);

    /// <summary>Nodes subscribe, then ask once.</summary>
    private async Task ListenAsync(params string[] nodes)
    {
        foreach (string node in nodes)
        {
            _notifications[node] = await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, node);
            await AskAsync(node, max: 0, capacity: 100);
        }
    }

    private async Task NotifiedAsync(int total)
    {
        await Eventually.HoldsAsync(() => Total >= total, $"{total} notifications");
        Total.ShouldBe(total);
    }
}
