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
