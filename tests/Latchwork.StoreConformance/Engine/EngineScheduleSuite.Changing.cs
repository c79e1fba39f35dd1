using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <content>Schedules that are changed between any two steps of an occurrence.</content>
public abstract partial class EngineScheduleSuite
{
    [Theory]
    [InlineData("update")]
    [InlineData("pause")]
    [InlineData("remove")]
    [InlineData("trigger")]
    public async Task What_changes_between_the_claim_and_the_step_is_heeded(string change)
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((delivery, _) => delivery.Id.Contains('+', StringComparison.Ordinal) ? go.Task : Task.CompletedTask); // one that was triggered takes its time
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "old"u8.ToArray());
        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.ReadAsync));
        await MoveToAsync(0);
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 1, "the occurrence is claimed and its schedule read");

        switch (change)
        {
            case "update":
                await other.Schedules.AddOrUpdateAsync(Id, Schedule.Cron("0 * * * *"), "new"u8.ToArray());
                break;
            case "pause":
                await other.Schedules.PauseAsync(Id);
                break;
            case "remove":
                await other.Schedules.RemoveAsync(Id);
                break;
            default:
                (await other.Schedules.TriggerAsync(Id)).Outcome.ShouldBe(TriggerOutcome.Triggered);
                break;
        }

        Faults.Release(nameof(IScheduleStore.ReadAsync));
        hold.SetResult();
        if (change == "trigger") await ReadsAsync(() => other.Schedules.GetAsync(Id), one => one!.History.Any(entry => entry.Id == IdAt(0)), "it is decided");
        go.SetResult();
        await RestsAsync(other);

        ScheduleSnapshot? snapshot = await other.Schedules.GetAsync(Id);
        switch (change)
        {
            case "update": // the one that was due runs as it was posted; what follows is new
                node.Ids.ShouldBe([IdAt(0)]);
                snapshot!.Next.ShouldBe(_first.AddMinutes(50));
                break;
            case "pause":
                node.Got.ShouldBeEmpty();
                (snapshot!.IsPaused, snapshot.Next, snapshot.NextState).ShouldBe((true, null, null));
                snapshot.History.Single().Outcome.ShouldBe(OccurrenceOutcome.Paused);
                break;
            case "remove":
                node.Got.ShouldBeEmpty();
                snapshot.ShouldBeNull();
                break;
            default: // the triggered one came first, and occupies
                node.Ids.Single().ShouldStartWith($"{Id}\u001F+");
                snapshot!.History.Single(one => one.Id == IdAt(0)).Outcome.ShouldBe(OccurrenceOutcome.Overlapped);
                snapshot.Next.ShouldBe(_first.AddMinutes(1));
                break;
        }

        Errors.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("update")]
    [InlineData("pause")]
    [InlineData("remove")]
    [InlineData("trigger")]
    public async Task What_changes_after_the_step_leaves_what_has_begun_alone(string change)
    {
        Node node = await JoinAsync();
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "old"u8.ToArray());
        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.AdvanceAsync));
        await MoveToAsync(0);
        await ReadsAsync(() => other.Schedules.GetAsync(Id), one => one!.Started == 1, "the step is made, and its answer on its way");

        if (change == "update") (await other.Schedules.AddOrUpdateAsync(Id, Schedule.Cron("0 * * * *"), "new"u8.ToArray())).Next.ShouldBe(_first.AddMinutes(50));
        if (change == "pause") await other.Schedules.PauseAsync(Id);
        if (change == "remove") await other.Schedules.RemoveAsync(Id);
        if (change == "trigger") (await other.Schedules.TriggerAsync(Id)).Outcome.ShouldBe(TriggerOutcome.Skipped);
        Faults.Release(nameof(IScheduleStore.AdvanceAsync));
        hold.SetResult();

        (await NthAsync(node, 1)).Payload.ToArray().ShouldBe("old"u8.ToArray());
        await RestsAsync(other);
        node.Ids.ShouldBe([IdAt(0)]);
        ScheduleSnapshot? snapshot = await other.Schedules.GetAsync(Id);
        if (change == "remove") snapshot.ShouldBeNull();
        else snapshot!.History.Single(one => one.Id == IdAt(0)).Outcome.ShouldBe(OccurrenceOutcome.Succeeded);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_schedule_that_changes_again_and_again_hands_its_occurrence_back_and_it_runs_when_there_is_peace()
    {
        Node node = await JoinAsync();
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "0"u8.ToArray());
        TimerSchedules changing = other.Schedules;
        int changes = 0;
        Faults.AfterAnswer = async operation =>
        {
            // Before each step the record is another than the one that was read: four steps in a row are in vain.
            if (operation is not nameof(IScheduleStore.ReadAsync) and not nameof(IScheduleStore.AdvanceAsync) || changes >= 4) return;
            changes++;
            await changing.AddOrUpdateAsync(Id, _minutes, BitConverter.GetBytes(changes));
        };

        await MoveToAsync(0);
        await NthAsync(node, 1);

        changes.ShouldBe(4);
        await RestsAsync(other);
        node.Ids.ShouldBe([IdAt(0)]);
        Faults.Calls(nameof(ITimerStore.ReleaseAsync)).ShouldBe(1);
        (await other.Schedules.GetAsync(Id))!.Started.ShouldBe(1);
    }

    [Fact]
    public async Task A_declaration_that_changes_loses_no_due_occurrence_whose_lease_ends_meanwhile()
    {
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "old"u8.ToArray());
        Node dying = await JoinAsync(configure: o => o.LeaseDuration = Seconds(20));
        Faults.Hold(nameof(IScheduleStore.ReadAsync));
        await MoveToAsync(0);
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 1, "the occurrence is claimed");
        dying.Timer.Abandon();
        Faults.Release(nameof(IScheduleStore.ReadAsync));

        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.ReadAsync));
        Task<ScheduleResult> declaring = NewTimer().Schedules.AddOrUpdateAsync(Id, _minutes, "new"u8.ToArray());
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 2, "it was read while it was in flight");
        await AdvanceAsync(Seconds(21));
        var look = new ClaimRequest("looks", "token", 0, 1, 0, Seconds(20), new DeadLetterLimits(TimeSpan.FromDays(1), 10));
        await Store.Inner.Timers.ClaimAsync(TimerPartition.Of(Namespace, Id, 1), look, CancellationToken.None);
        (await other.PeekAsync(IdAt(0)))!.State.ShouldBe(TimerState.Scheduled);
        Faults.Release(nameof(IScheduleStore.ReadAsync));
        hold.SetResult();
        (await declaring).Outcome.ShouldBe(ScheduleOutcome.Updated);

        Node node = await JoinAsync();
        TimerDelivery delivery = await NthAsync(node, 1);
        (delivery.Id, delivery.Retries).ShouldBe((IdAt(0), 0));
        delivery.Payload.ToArray().ShouldBe("new"u8.ToArray());
    }

    [Fact]
    public async Task What_is_being_begun_when_its_namespace_is_paused_is_handed_back()
    {
        Node node = await JoinAsync();
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.ReadAsync));
        await MoveToAsync(0);
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 1, "the occurrence is claimed");
        await other.PauseAsync("a migration");
        await ComesAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Paused) > 0, "the node hears of it");
        Faults.Release(nameof(IScheduleStore.ReadAsync));
        hold.SetResult();
        await ReadsAsync(() => other.GetStatsAsync(), stats => stats is { InFlight: 0, Scheduled: 1 }, "it is handed back");
        node.Got.ShouldBeEmpty();
        await other.ResumeAsync();
        (await NthAsync(node, 1)).Retries.ShouldBe(0);
    }
}
