using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Pausing and resuming a namespace while nodes listen.</summary>
public abstract class EnginePauseSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override async Task DisposeAsync()
    {
        _end.TrySetResult();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task What_has_not_begun_is_handed_back_and_what_runs_finishes()
    {
        await StopTimeAsync(); // what waits too long is handed back anyway: no time passes
        Node node = await QueueBehindOneAsync(queued: 5);
        TimerPause pause = await node.Timer.PauseAsync("deploy", "anna");
        (pause.By, pause.Reason).ShouldBe(("anna", "deploy"));
        await Eventually.ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats is { Scheduled: 5, InFlight: 1 }, "handed back");
        (await node.Timer.PeekAsync("behind1"))!.ShouldSatisfyAllConditions(e => e.Retries.ShouldBe(0), e => e.Failures.ShouldBeEmpty());

        _end.SetResult();
        await Eventually.ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats is { Scheduled: 5, InFlight: 0 }, "the running one is confirmed");
        node.Ids.ShouldBe(["0"]);

        (await node.Timer.ResumeAsync()).ShouldBe(pause);
        await Eventually.HoldsAsync(() => node.Got.Count == 6, "all others run");
        node.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        await EmptyAsync(node.Timer);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Without_any_notification_what_has_not_begun_is_handed_back_within_the_longest_wait()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node node = await QueueBehindOneAsync(queued: 5);
        Faults.DropNotifications = true;
        await NewTimer().PauseAsync("deploy");
        await clock.AdvanceUntilAsync(async () => await node.Timer.GetStatsAsync() is { Scheduled: 5, InFlight: 1 }, Ms(50), "handed back");
        for (int i = 0; i < 100; i++) clock.Advance(Ms(50));
        node.Ids.ShouldBe(["0"]);
    }

    [Fact]
    public async Task What_a_claim_brings_that_was_answered_before_the_pause_is_handed_back()
    {
        Node node = await JoinAsync();
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Faults.AfterClaim = async (_, claim) =>
        {
            if (claim.Events.Count == 0) return;
            answered.TrySetResult();
            await go.Task;
        };
        DistributedTimer other = NewTimer();
        await other.PostAsync("x", TimeSpan.Zero, new() { Id = "late" });
        await answered.Task.WaitAsync(TestTimeout);
        await other.PauseAsync("deploy");
        await Eventually.HoldsAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Paused) > 0, "the node is told");
        go.SetResult();
        await Eventually.ReadsAsync(() => other.GetStatsAsync(), stats => stats is { Scheduled: 1, InFlight: 0 }, "handed back");
        node.Got.ShouldBeEmpty();
        Faults.AfterClaim = null;
        await other.ResumeAsync();
        (await node.NthAsync(1)).ShouldSatisfyAllConditions(d => d.Id.ShouldBe("late"), d => d.Retries.ShouldBe(0));
    }

    [Fact]
    public async Task A_listener_that_joins_in_a_pause_waits_and_is_woken_by_its_end()
    {
        DistributedTimer poster = NewTimer(o => o.NodeId = "the-one-who-pauses");
        TimerPause pause = await poster.PauseAsync("");
        pause.By.ShouldBe("the-one-who-pauses");
        await poster.PostAsync([.. Enumerable.Range(0, 20).Select(i => new TimerPost(new byte[1], TimeSpan.Zero, new() { Id = $"e{i}" }))]);
        Node node = await JoinAsync();
        node.Timer.IsJoined.ShouldBeTrue();
        (await node.Timer.GetStatsAsync()).ShouldSatisfyAllConditions(s => s.Scheduled.ShouldBe(20), s => s.Pause.ShouldBe(pause));
        node.Got.ShouldBeEmpty();
        await poster.ResumeAsync();
        await Eventually.HoldsAsync(() => node.Got.Count == 20, "all run");
        (await poster.ResumeAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Ten_paused_nodes_with_a_backlog_send_about_a_claim_a_second_in_all()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var nodes = new List<Node>();
        for (int i = 0; i < 10; i++) nodes.Add(await JoinAsync());
        await nodes[0].Timer.PauseAsync("deploy");
        await nodes[0].Timer.PostAsync([.. Enumerable.Range(0, 500).Select(_ => new TimerPost(new byte[1], TimeSpan.Zero))]);
        for (int i = 0; i < 15; i++) await PassAsync(clock, Seconds(1)); // those under way when it was paused, and the first round of polls
        int before = Faults.Calls(nameof(Faults.ClaimAsync));
        for (int i = 0; i < 20; i++) await PassAsync(clock, Seconds(1));
        (Faults.Calls(nameof(Faults.ClaimAsync)) - before).ShouldBeLessThanOrEqualTo(40);
        nodes.ShouldAllBe(node => node.Got.IsEmpty);
        nodes.ShouldAllBe(node => node.Timer.IsJoined);

        await nodes[0].Timer.ResumeAsync();
        await clock.AdvanceUntilAsync(() => nodes.Sum(node => node.Got.Count) == 500, Ms(5), "the backlog is gone");
        nodes.Max(node => node.Got.Count).ShouldBeLessThan(500, "more than one node has taken of it");
    }

    [Fact]
    public async Task A_pause_outlives_the_nodes_and_the_first_stays()
    {
        TimerPause pause;
        await using (DistributedTimer first = NewTimer()) pause = await first.PauseAsync("one", "anna");
        DistributedTimer second = NewTimer();
        (await second.PauseAsync("two", "ben")).ShouldBe(pause);
        (await second.GetStatsAsync()).Pause.ShouldBe(pause);
        (await second.ResumeAsync()).ShouldBe(pause);
        (await second.GetStatsAsync()).Pause.ShouldBeNull();
    }

    [Fact]
    public async Task Reason_and_name_have_bounds_and_ending_no_pause_makes_no_namespace()
    {
        DistributedTimer timer = NewTimer();
        (await timer.ResumeAsync()).ShouldBeNull();
        (await Store.Timers.NamespacesAsync(CancellationToken.None)).ShouldNotContain(Namespace);
        (await Should.ThrowAsync<ArgumentException>(() => timer.PauseAsync(new string('x', 1_025)))).Message.ShouldContain("'reason' must have 0 to 1024 bytes of UTF-8; it has 1025.");
        (await Should.ThrowAsync<ArgumentException>(() => timer.PauseAsync("", ""))).Message.ShouldContain("'by' must have 1 to 512 bytes of UTF-8; it has 0.");
        (await Should.ThrowAsync<ArgumentException>(() => timer.PauseAsync("\uD800"))).Message.ShouldContain("not valid Unicode");
        await Should.ThrowAsync<ArgumentNullException>(() => timer.PauseAsync(null!));
        (await timer.GetStatsAsync()).Pause.ShouldBeNull();
    }

    /// <summary>A node with one handler, which runs until the test ends it, and events that wait for it.</summary>
    private async Task<Node> QueueBehindOneAsync(int queued)
    {
        Node node = await JoinAsync((delivery, _) => delivery.Id == "0" ? _end.Task : Task.CompletedTask, o => (o.MaxConcurrency, o.MaxEvents) = (1, 64));
        await WarmUpAsync(node);
        await node.Timer.PostAsync([.. Enumerable.Range(0, queued + 1).Select(i => new TimerPost(new byte[1], TimeSpan.Zero, new() { Id = i == 0 ? "0" : $"behind{i}", MaxRetries = 1 }))]);
        await node.NthAsync(1);
        return node;
    }

    // A claim whose time has come is answered before time goes on.
    private async Task PassAsync(ManualTimeProvider clock, TimeSpan span)
    {
        clock.Advance(span);
        await EventuallyAsync(() => Faults.Claims.Count == Faults.Answers.Count, "all claims are answered");
    }
}
