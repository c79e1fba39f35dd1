using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <content>What becomes of occurrences, and of those that a person cancels, requeues or triggers.</content>
public abstract partial class EngineScheduleSuite
{
    [Fact]
    public async Task An_occurrence_is_an_ordinary_event_with_its_time_in_its_headers()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "payload"u8.ToArray(), new() { MaxRetries = 3, Headers = new Dictionary<string, string> { ["mine"] = "1" } });

        await MoveToAsync(0);
        TimerDelivery delivery = await NthAsync(node, 1);

        delivery.Id.ShouldBe("nightly\u001F2026-03-14T15:10:00.000Z");
        delivery.Payload.ToArray().ShouldBe("payload"u8.ToArray());
        delivery.Headers.ShouldBe(new Dictionary<string, string> { ["mine"] = "1", ["latchwork-scheduled-for"] = "2026-03-14T15:10:00.000Z" }, ignoreOrder: true);
        (delivery.MaxRetries, delivery.Retries, delivery.Due).ShouldBe((3, 0, _first));
        delivery.Occurrence.ShouldBe(new OccurrenceInfo(Id, _first));
        await RestsAsync(node.Timer);
        ScheduleSnapshot snapshot = (await node.Timer.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Next, snapshot.NextState, snapshot.Started).ShouldBe((_first.AddMinutes(1), TimerState.Scheduled, 1L));
        ScheduleOccurrence last = snapshot.History.Single();
        (last.Outcome, last.NodeId, last.ScheduledFor).ShouldBe((OccurrenceOutcome.Succeeded, node.Timer.NodeId, _first));
        (await node.Timer.Schedules.GetNextOccurrencesAsync(Id, 2)).ShouldBe([_first.AddMinutes(1), _first.AddMinutes(2)]);
    }

    [Fact]
    public async Task To_cancel_the_next_occurrence_is_to_skip_it()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());

        (await node.Timer.CancelAsync(IdAt(0))).ShouldBe(TimerOutcome.Done);
        (await node.Timer.CancelAsync(IdAt(0))).ShouldBe(TimerOutcome.NotFound);

        ScheduleSnapshot snapshot = (await node.Timer.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Next, snapshot.Skipped).ShouldBe((_first.AddMinutes(1), 1L));
        snapshot.History.Single().Outcome.ShouldBe(OccurrenceOutcome.Cancelled);
        await MoveToAsync(1);
        (await NthAsync(node, 1)).Id.ShouldBe(IdAt(1));
    }

    [Fact]
    public async Task A_dead_letter_stops_no_chain_and_a_requeued_one_never_advances()
    {
        bool fails = true;
        Node node = await JoinAsync((_, _) => fails ? throw new TimeoutException("no") : Task.CompletedTask);
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        await MoveToAsync(0);
        await NthAsync(node, 1);
        await ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.DeadLetters == 1, "a dead letter");
        fails = false;
        await MoveToAsync(1);
        (await NthAsync(node, 2)).Id.ShouldBe(IdAt(1));

        (await node.Timer.DeadLetters.RequeueAsync(IdAt(0))).ShouldBe(TimerOutcome.Done);
        (await NthAsync(node, 3)).Id.ShouldBe(IdAt(0));

        await RestsAsync(node.Timer);
        ScheduleSnapshot snapshot = (await node.Timer.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Next, snapshot.Started).ShouldBe((_first.AddMinutes(2), 2L));
        snapshot.History.ShouldAllBe(one => one.Outcome == OccurrenceOutcome.Succeeded);
    }

    [Fact]
    public async Task A_schedule_is_triggered_beside_its_chain()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());

        TriggerResult triggered = await node.Timer.Schedules.TriggerAsync(Id);

        triggered.Outcome.ShouldBe(TriggerOutcome.Triggered);
        TimerDelivery delivery = await NthAsync(node, 1);
        delivery.Id.ShouldBe(triggered.OccurrenceId);
        delivery.Occurrence!.ScheduleId.ShouldBe(Id);
        await RestsAsync(node.Timer);
        ScheduleSnapshot snapshot = (await node.Timer.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Next, snapshot.Started).ShouldBe((_first, 1L));
        snapshot.History.Single().Outcome.ShouldBe(OccurrenceOutcome.Succeeded);
    }

    [Fact]
    public async Task A_dead_letter_that_was_requeued_occupies_its_schedule_while_it_runs()
    {
        bool fails = true;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((_, _) => fails ? throw new TimeoutException("no") : go.Task);
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        await MoveToAsync(0);
        await NthAsync(node, 1);
        await ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.DeadLetters == 1, "a dead letter");
        fails = false;
        (await node.Timer.DeadLetters.RequeueAsync(IdAt(0))).ShouldBe(TimerOutcome.Done);
        (await NthAsync(node, 2)).Id.ShouldBe(IdAt(0));
        await MoveToAsync(1);
        ScheduleSnapshot snapshot = (await ReadsAsync(() => node.Timer.Schedules.GetAsync(Id), one => one!.Next == _first.AddMinutes(2), "the chain goes on"))!;
        snapshot.History.Single(one => one.Id == IdAt(1)).Outcome.ShouldBe(OccurrenceOutcome.Overlapped);
        go.SetResult();
        await RestsAsync(node.Timer);
        node.Got.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_jitter_moves_what_is_due_and_not_the_times()
    {
        TimerSchedules schedules = NewTimer().Schedules;
        await schedules.AddOrUpdateAsync(Id, Schedule.Cron("0 16 * * *"), "x"u8.ToArray(), new() { Jitter = TimeSpan.FromMinutes(10) });

        ScheduleSnapshot snapshot = (await schedules.GetAsync(Id)).ShouldNotBeNull();

        snapshot.JitterOffset.ShouldBeInRange(Ms(1), TimeSpan.FromMinutes(10));
        var sixteen = new DateTimeOffset(2026, 3, 14, 16, 0, 0, TimeSpan.Zero);
        snapshot.Next.ShouldBe(sixteen);
        TimerSnapshot waiting = (await Store.Inner.Timers.PeekAsync(new TimerPartition(Namespace, 0), ScheduleDeclaration.OccurrenceOf(Id, sixteen), CancellationToken.None)).ShouldNotBeNull();
        waiting.Due.ShouldBe(sixteen + snapshot.JitterOffset);
    }
}
