using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <content>Nodes that die, steps that fail, and a clock that goes back.</content>
public abstract partial class EngineScheduleSuite
{
    [Theory]
    [InlineData(Fault.ReplyLost)]
    [InlineData(Fault.RequestLost)]
    [InlineData(Fault.FailedTask)]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.FailsLater)]
    public async Task A_step_that_fails_or_whose_reply_is_lost_is_repeated_and_counts_once(Fault fault)
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        Faults.Fail(nameof(IScheduleStore.AdvanceAsync), fault, fault);
        await MoveToAsync(0);

        await AdvanceUntilAsync(() => !node.Got.IsEmpty, Ms(10), "the occurrence runs");
        await RestsAsync(node.Timer);

        node.Got.Count.ShouldBe(1);
        ScheduleSnapshot snapshot = (await node.Timer.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Started, snapshot.Next).ShouldBe((1L, _first.AddMinutes(1)));
    }

    [Fact]
    public async Task A_node_that_dies_before_the_step_spends_no_retry_and_one_that_dies_after_it_does()
    {
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { MaxRetries = 0 });
        Node first = await JoinAsync(configure: o => o.LeaseDuration = Seconds(20));
        Faults.Hold(nameof(IScheduleStore.ReadAsync));
        await MoveToAsync(0);
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 1, "the occurrence is claimed");
        first.Timer.Abandon();
        Faults.Release(nameof(IScheduleStore.ReadAsync));

        Node second = await JoinAsync((_, stop) => Task.Delay(Timeout.Infinite, stop), o => o.LeaseDuration = Seconds(20));
        await AdvanceUntilAsync(() => !second.Got.IsEmpty, Ms(250), "another node gets it when the lease is over");
        second.Got.Single().Retries.ShouldBe(0);
        second.Timer.Abandon();

        Node third = await JoinAsync(configure: o => o.LeaseDuration = Seconds(20));
        await AdvanceUntilAsync(async () => (await other.PeekAsync(IdAt(0)))?.State == TimerState.DeadLettered, Ms(250), "it was its only attempt");
        await ReadsAsync(() => other.Schedules.GetAsync(Id), one => one!.History[^1].Outcome == OccurrenceOutcome.DeadLettered, "its end is noted");
        third.Ids.ShouldNotContain(IdAt(0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_occurrence_with_no_retry_left_waits_for_no_handler_after_the_step(bool together)
    {
        const string Other = "other";
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((_, _) => end.Task, o => o.MaxConcurrency = 1);
        await WarmUpAsync(node);
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { MaxRetries = 0 });
        if (together) await node.Timer.PostAsync(1, _first + Ms(500) - _clock.GetUtcNow(), new() { Id = Other, MaxRetries = 3 });
        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.AdvanceAsync));
        await MoveToAsync(0, seconds: 1);
        DistributedTimer undisturbed = Undisturbed();
        await ReadsAsync(() => undisturbed.Schedules.GetAsync(Id), one => one!.Started == 1, "the step is made, and its answer on its way");
        if (!together) await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = Other, MaxRetries = 3 });
        await ReadsAsync(() => undisturbed.GetStatsAsync(), stats => stats.InFlight == 2, "the other is claimed ahead");
        Faults.Release(nameof(IScheduleStore.AdvanceAsync));
        hold.SetResult();

        (await NthAsync(node, 1)).Id.ShouldBe(IdAt(0));
        node.Got.Count.ShouldBe(1);
        end.SetResult();
        (await NthAsync(node, 2)).Id.ShouldBe(Other);
    }

    [Fact]
    public async Task An_occurrence_with_no_retry_left_does_not_begin_if_a_repeated_claim_brings_it_and_no_handler_is_free()
    {
        Faults.Partitions = 2;
        int partition = TimerPartition.Of(Namespace, Id, 2).Index;
        string hangs = IdsIn(1 - partition, 2).First();
        bool isLost = true;
        bool hasCome = false;
        Faults.AfterClaim = (asked, claim) =>
        {
            if (asked.Index != partition || claim.Events.Count == 0) return Task.CompletedTask;
            if (Volatile.Read(ref isLost)) return Task.FromException(new LatchworkStoreException("The reply was lost by the test.", StoreOutcome.Unknown) { IsTransient = true });
            Volatile.Write(ref hasCome, true);
            return Task.CompletedTask;
        };
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((delivery, _) => delivery.Id == hangs ? end.Task : Task.CompletedTask, o => o.MaxConcurrency = 1);
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { MaxRetries = 0 });
        await MoveToAsync(0);
        await ComesAsync(() => Faults.Answers.Any(claim => claim.Events.Count > 0), "the occurrence is claimed, and nobody knows");
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = hangs });
        await NthAsync(node, 1);

        Volatile.Write(ref isLost, false);
        await ComesAsync(() => Volatile.Read(ref hasCome), "the repeated claim is answered");

        // No time passes from here on.
        await Eventually.ReadsAsync(() => node.Timer.PeekAsync(IdAt(0)), one => one?.State == TimerState.Scheduled, "it is handed back");
        (await node.Timer.Schedules.GetAsync(Id))!.Started.ShouldBe(0);
        end.SetResult();
        (await NthAsync(node, 2)).Id.ShouldBe(IdAt(0));
        node.Got.Last().Retries.ShouldBe(0);
    }

    [Fact]
    public async Task A_schedule_whose_occurrence_was_lost_is_found_and_none_is_repeated()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        var partition = new TimerPartition(Namespace, 0);
        await MoveToAsync(0);
        await NthAsync(node, 1);
        await RestsAsync(node.Timer);

        (await Store.Inner.Timers.CancelAsync(partition, IdAt(1), revoke: false, CancellationToken.None)).ShouldBe(TimerOutcome.Done); // somebody's hand

        await AdvanceUntilAsync(async () => (await node.Timer.Schedules.GetAsync(Id))!.NextState is not null, Seconds(1), "it is posted again");
        (await node.Timer.Schedules.GetAsync(Id))!.Next.ShouldBe(_first.AddMinutes(1));
        await AdvanceUntilAsync(() => node.Got.Count == 2, Seconds(1), "it runs");
        node.Ids.ShouldBe([IdAt(0), IdAt(1)]);
    }

    [Fact]
    public async Task A_partition_that_cannot_be_looked_at_keeps_no_other_from_being_looked_at()
    {
        Faults.Partitions = 3;
        Node node = await JoinAsync();
        Faults.Fail(nameof(IScheduleStore.SweepAsync), Fault.FailedTask);

        await AdvanceUntilAsync(() => Faults.Calls(nameof(IScheduleStore.SweepAsync)) > 0, Seconds(1), "a sweep");
        await Eventually.HoldsAsync(() => Faults.Calls(nameof(IScheduleStore.SweepAsync)) == 3, "all partitions are looked at, although the first failed");

        await Eventually.HoldsAsync(() => Errors.Count == 1, "it is reported");
        node.Timer.IsJoined.ShouldBeTrue();
    }

    [Fact]
    public async Task A_clock_that_goes_back_repeats_nothing()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        await MoveToAsync(0);
        await NthAsync(node, 1);
        await RestsAsync(node.Timer);

        _clock.Shift(-TimeSpan.FromMinutes(30));
        (await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "y"u8.ToArray())).Next.ShouldBe(_first.AddMinutes(1));
        await node.Timer.Schedules.PauseAsync(Id);
        await node.Timer.Schedules.ResumeAsync(Id);

        (await node.Timer.Schedules.GetAsync(Id))!.Next.ShouldBe(_first.AddMinutes(1));
    }

    [Fact]
    public async Task A_node_that_leaves_while_an_occurrence_begins_hands_it_to_the_next()
    {
        Node leaving = await JoinAsync();
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.AdvanceAsync));
        await MoveToAsync(0);
        await ReadsAsync(() => other.Schedules.GetAsync(Id), one => one!.Started == 1, "the step is made, and its answer on its way");
        Task left = leaving.Timer.LeaveAsync();
        Faults.Release(nameof(IScheduleStore.AdvanceAsync));
        hold.SetResult();
        await left;
        leaving.Got.ShouldBeEmpty();

        Node next = await JoinAsync();

        (await NthAsync(next, 1)).Id.ShouldBe(IdAt(0));
        await RestsAsync(other);
        ScheduleSnapshot snapshot = (await other.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Started, snapshot.Next).ShouldBe((1L, _first.AddMinutes(1)));
    }
}
