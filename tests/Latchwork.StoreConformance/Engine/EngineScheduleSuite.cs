using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Recurring schedules as nodes see them: declared by many, run by one, changed and disturbed at any moment.</summary>
public abstract partial class EngineScheduleSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private const string Id = "nightly";

    private ManualTimeProvider _clock = null!;

    /// <summary>15:10 on the day of the clock, which begins at 15:09:26.535: the first minute of a schedule of minutes.</summary>
    private static readonly DateTimeOffset _first = new(2026, 3, 14, 15, 10, 0, TimeSpan.Zero);

    private static readonly Schedule _minutes = Schedule.Cron("* * * * *");

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _clock = await StopTimeAsync();
    }

    [Fact]
    public async Task Twenty_nodes_that_declare_the_same_make_one_schedule_whose_occurrences_run_once()
    {
        DistributedTimer[] timers = [.. Enumerable.Range(0, 20).Select(_ => NewTimer())];
        ScheduleResult[] results = await Task.WhenAll(timers.Select(timer => timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray())));
        results.Count(result => result.Outcome == ScheduleOutcome.Created).ShouldBe(1);
        results.Count(result => result.Outcome == ScheduleOutcome.Unchanged).ShouldBe(19);
        results.ShouldAllBe(result => result.Next == _first);

        var ran = new System.Collections.Concurrent.ConcurrentQueue<string>();
        foreach (DistributedTimer timer in timers[..4])
        {
            await timer.JoinAsync((delivery, _) =>
            {
                ran.Enqueue(delivery.Headers["latchwork-scheduled-for"]);
                return Task.CompletedTask;
            });
        }

        for (int n = 0; n < 5; n++)
        {
            MoveTo(n);
            await ComesAsync(() => ran.Count > n, $"occurrence {n}");
            await RestsAsync(timers[0]);
        }

        ran.ShouldBe(Enumerable.Range(0, 5).Select(At), ignoreOrder: true);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_occurrence_is_an_ordinary_event_with_its_time_in_its_headers()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "payload"u8.ToArray(), new() { MaxRetries = 3, Headers = new Dictionary<string, string> { ["mine"] = "1" } });

        MoveTo(0);
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
    public async Task An_unchanged_declaration_changes_nothing_and_an_older_one_is_refused()
    {
        TimerSchedules schedules = NewTimer().Schedules;
        await schedules.AddOrUpdateAsync(Id, _minutes, "new"u8.ToArray(), new() { Revision = 2 });
        (await schedules.PauseAsync(Id)).ShouldBeTrue();

        (await schedules.AddOrUpdateAsync(Id, _minutes, "old"u8.ToArray(), new() { Revision = 1 })).Outcome.ShouldBe(ScheduleOutcome.Outdated);
        (await schedules.AddOrUpdateAsync(Id, _minutes, "new"u8.ToArray(), new() { Revision = 2 })).Outcome.ShouldBe(ScheduleOutcome.Unchanged);
        (await schedules.AddOrUpdateAsync(Id, _minutes, "newer"u8.ToArray(), new() { Revision = 3 })).ShouldBe(new ScheduleResult(Id, ScheduleOutcome.Updated, null));

        ScheduleSnapshot snapshot = (await schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.IsPaused, snapshot.Next).ShouldBe((true, null)); // a declaration loses no pause
        snapshot.Payload.ToArray().ShouldBe("newer"u8.ToArray());
        (await schedules.ResumeAsync(Id)).ShouldBeTrue();
        (await schedules.GetAsync(Id))!.Next.ShouldBe(_first);
    }

    [Fact]
    public async Task A_changed_payload_keeps_the_next_time_and_changed_times_count_from_now_on()
    {
        TimerSchedules schedules = NewTimer().Schedules;
        await schedules.AddOrUpdateAsync(Id, _minutes, "a"u8.ToArray());

        (await schedules.AddOrUpdateAsync(Id, _minutes, "b"u8.ToArray())).ShouldBe(new ScheduleResult(Id, ScheduleOutcome.Updated, _first));
        (await schedules.AddOrUpdateAsync(Id, Schedule.Cron("30 15 * * *"), "b"u8.ToArray())).Next.ShouldBe(_first.AddMinutes(20));
        MoveTo(25);
        (await schedules.AddOrUpdateAsync(Id, _minutes, "c"u8.ToArray())).Next.ShouldBe(_first.AddMinutes(20)); // it is due, and is not lost

        Node node = await JoinAsync();
        (await NthAsync(node, 1)).Payload.ToArray().ShouldBe("c"u8.ToArray());
        await RestsAsync(node.Timer);
        (await schedules.GetAsync(Id))!.Next.ShouldBe(_first.AddMinutes(26));
    }

    [Fact]
    public async Task Schedules_are_listed_paused_resumed_and_removed()
    {
        Faults.Partitions = 3;
        TimerSchedules schedules = NewTimer().Schedules;
        for (int i = 0; i < 30; i++) await schedules.AddOrUpdateAsync($"s{i:D2}", _minutes, "x"u8.ToArray());

        var listed = new List<string>();
        await foreach (ScheduleSnapshot one in schedules.ListAsync()) listed.Add(one.Id);
        listed.ShouldBe(Enumerable.Range(0, 30).Select(i => $"s{i:D2}"));
        (await schedules.RemoveAsync("s07")).ShouldBeTrue();
        (await schedules.RemoveAsync("s07")).ShouldBeFalse();
        (await schedules.GetAsync("s07")).ShouldBeNull();
        (await schedules.PauseAsync("s07")).ShouldBeFalse();
        (await schedules.ResumeAsync("s07")).ShouldBeFalse();
        (await schedules.TriggerAsync("s07")).Outcome.ShouldBe(TriggerOutcome.NotFound);
        (await schedules.GetNextOccurrencesAsync("s07", 1)).ShouldBeNull();
        (await schedules.PauseAsync("s08")).ShouldBeTrue();
        (await schedules.PauseAsync("s08")).ShouldBeTrue();
        (await schedules.GetNextOccurrencesAsync("s08", 1)).ShouldBe([_first]);
    }

    [Fact]
    public async Task What_cannot_be_a_schedule_is_refused()
    {
        DistributedTimer timer = NewTimer();
        TimerSchedules schedules = timer.Schedules;
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync("a\u001Fb", _minutes, "x"u8.ToArray()));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(new string('x', 481), _minutes, "x"u8.ToArray()));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(Id, _minutes, new byte[(1 << 20) + 1]));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { Revision = -1 }));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { Jitter = TimeSpan.FromDays(2) }));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { CatchUpLimit = 0 }));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { Misfire = (MisfirePolicy)9 }));
        await Should.ThrowAsync<ArgumentException>(() => schedules.AddOrUpdateAsync(Id, Schedule.Cron("0 0 30 2 *"), "x"u8.ToArray())); // never
        (await schedules.GetAsync(Id)).ShouldBeNull();
        await schedules.AddOrUpdateAsync(new string('x', 480), _minutes, "x"u8.ToArray());

        ArgumentException posted = await Should.ThrowAsync<ArgumentException>(() => timer.PostAsync("x"u8.ToArray(), Seconds(1), new() { Id = $"{Id}\u001Fx" }));
        posted.Message.ShouldContain("U+001F");
        ArgumentException delayed = await Should.ThrowAsync<ArgumentException>(() => timer.ChangeDelayAsync(IdAt(0), Seconds(1)));
        delayed.Message.ShouldContain("the schedule 'nightly'");
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
        MoveTo(1);
        (await NthAsync(node, 1)).Id.ShouldBe(IdAt(1));
    }

    [Fact]
    public async Task A_dead_letter_stops_no_chain_and_a_requeued_one_never_advances()
    {
        bool fails = true;
        Node node = await JoinAsync((_, _) => fails ? throw new TimeoutException("no") : Task.CompletedTask);
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        MoveTo(0);
        await NthAsync(node, 1);
        await ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.DeadLetters == 1, "a dead letter");
        fails = false;
        MoveTo(1);
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
        MoveTo(0);

        await _clock.AdvanceUntilAsync(() => !node.Got.IsEmpty, Ms(10), "the occurrence runs");
        await RestsAsync(node.Timer);

        node.Got.Count.ShouldBe(1);
        ScheduleSnapshot snapshot = (await node.Timer.Schedules.GetAsync(Id)).ShouldNotBeNull();
        (snapshot.Started, snapshot.Next).ShouldBe((1L, _first.AddMinutes(1)));
    }

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
        MoveTo(0);
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
        MoveTo(0);
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

        MoveTo(0);
        await NthAsync(node, 1);

        changes.ShouldBe(4);
        await RestsAsync(other);
        node.Ids.ShouldBe([IdAt(0)]);
        Faults.Calls(nameof(ITimerStore.ReleaseAsync)).ShouldBe(1);
        (await other.Schedules.GetAsync(Id))!.Started.ShouldBe(1);
    }

    [Fact]
    public async Task A_node_that_dies_before_the_step_spends_no_retry_and_one_that_dies_after_it_does()
    {
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { MaxRetries = 0 });
        Node first = await JoinAsync(configure: o => o.LeaseDuration = Seconds(20));
        Faults.Hold(nameof(IScheduleStore.ReadAsync));
        MoveTo(0);
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 1, "the occurrence is claimed");
        first.Timer.Abandon();
        Faults.Release(nameof(IScheduleStore.ReadAsync));

        Node second = await JoinAsync((_, stop) => Task.Delay(Timeout.Infinite, stop), o => o.LeaseDuration = Seconds(20));
        await _clock.AdvanceUntilAsync(() => !second.Got.IsEmpty, Ms(250), "another node gets it when the lease is over");
        second.Got.Single().Retries.ShouldBe(0);
        second.Timer.Abandon();

        Node third = await JoinAsync(configure: o => o.LeaseDuration = Seconds(20));
        await _clock.AdvanceUntilAsync(async () => (await other.PeekAsync(IdAt(0)))?.State == TimerState.DeadLettered, Ms(250), "it was its only attempt");
        (await other.Schedules.GetAsync(Id))!.History[^1].Outcome.ShouldBe(OccurrenceOutcome.DeadLettered);
        third.Ids.ShouldNotContain(IdAt(0));
    }

    [Fact]
    public async Task A_declaration_that_changes_loses_no_due_occurrence_whose_lease_ends_meanwhile()
    {
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "old"u8.ToArray());
        Node dying = await JoinAsync(configure: o => o.LeaseDuration = Seconds(20));
        Faults.Hold(nameof(IScheduleStore.ReadAsync));
        MoveTo(0);
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 1, "the occurrence is claimed");
        dying.Timer.Abandon();
        Faults.Release(nameof(IScheduleStore.ReadAsync));

        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.ReadAsync));
        Task<ScheduleResult> declaring = NewTimer().Schedules.AddOrUpdateAsync(Id, _minutes, "new"u8.ToArray());
        await ComesAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) == 2, "it was read while it was in flight");
        _clock.Advance(Seconds(21));
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
    public async Task A_declaration_of_a_later_format_is_not_written_over_by_an_older_build()
    {
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { Revision = 3 });
        IScheduleStore store = Store.Inner.Timers.Schedules!;
        TimerPartition partition = TimerPartition.Of(Namespace, Id, 1);
        ScheduleRecord record = (await store.ReadAsync(partition, [Id], CancellationToken.None)).Records[0]!;
        byte[] body = record.Body.ToArray();
        body[0]++;
        await store.WriteAsync(partition, new ScheduleWrite(Id, record.Version, record.Version.Incarnation, body, false, null), CancellationToken.None);

        (await other.Schedules.AddOrUpdateAsync(Id, _minutes, "old"u8.ToArray(), new() { Revision = 9 })).Outcome.ShouldBe(ScheduleOutcome.Outdated);
        (await other.Schedules.GetAsync(Id))!.Damage.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_dead_letter_that_was_requeued_occupies_its_schedule_while_it_runs()
    {
        bool fails = true;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((_, _) => fails ? throw new TimeoutException("no") : go.Task);
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        MoveTo(0);
        await NthAsync(node, 1);
        await ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.DeadLetters == 1, "a dead letter");
        fails = false;
        (await node.Timer.DeadLetters.RequeueAsync(IdAt(0))).ShouldBe(TimerOutcome.Done);
        (await NthAsync(node, 2)).Id.ShouldBe(IdAt(0));
        MoveTo(1);
        ScheduleSnapshot snapshot = (await ReadsAsync(() => node.Timer.Schedules.GetAsync(Id), one => one!.Next == _first.AddMinutes(2), "the chain goes on"))!;
        snapshot.History.Single(one => one.Id == IdAt(1)).Outcome.ShouldBe(OccurrenceOutcome.Overlapped);
        go.SetResult();
        await RestsAsync(node.Timer);
        node.Got.Count.ShouldBe(2);
    }

    [Fact]
    public async Task What_is_being_begun_when_its_namespace_is_paused_is_handed_back()
    {
        Node node = await JoinAsync();
        DistributedTimer other = Undisturbed();
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        TaskCompletionSource hold = Faults.Hold(nameof(IScheduleStore.ReadAsync));
        MoveTo(0);
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

    [Fact]
    public async Task A_schedule_whose_occurrence_was_lost_is_found_and_none_is_repeated()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        var partition = new TimerPartition(Namespace, 0);
        MoveTo(0);
        await NthAsync(node, 1);
        await RestsAsync(node.Timer);

        (await Store.Inner.Timers.CancelAsync(partition, IdAt(1), revoke: false, CancellationToken.None)).ShouldBe(TimerOutcome.Done); // somebody's hand

        await _clock.AdvanceUntilAsync(async () => (await node.Timer.Schedules.GetAsync(Id))!.NextState is not null, Seconds(1), "it is posted again");
        (await node.Timer.Schedules.GetAsync(Id))!.Next.ShouldBe(_first.AddMinutes(1));
        await _clock.AdvanceUntilAsync(() => node.Got.Count == 2, Seconds(1), "it runs");
        node.Ids.ShouldBe([IdAt(0), IdAt(1)]);
    }

    [Fact]
    public async Task A_clock_that_goes_back_repeats_nothing()
    {
        Node node = await JoinAsync();
        await node.Timer.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray());
        MoveTo(0);
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
        MoveTo(0);
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

    /// <summary>The id of the occurrence of the nth minute.</summary>
    private static string IdAt(int n) => ScheduleDeclaration.OccurrenceOf(Id, _first.AddMinutes(n));

    private static string At(int n) => ScheduleDeclaration.Show(_first.AddMinutes(n));

    private void MoveTo(int minute, double seconds = 0)
    {
        TimeSpan left = _first.AddMinutes(minute) + Seconds(seconds) - _clock.GetUtcNow();
        if (left > TimeSpan.Zero) _clock.Advance(left);
    }

    /// <summary>A timer of this namespace whose calls know no faults.</summary>
    private DistributedTimer Undisturbed() => new(Store.Inner, new TimerOptions { Namespace = Namespace, MaxRetries = 0, TimeProvider = _clock });

    // The time goes on a little with every look: a notification that was on its way while a test moved the clock is heard too late, and then a node asks at its poll slot.
    private Task ComesAsync(Func<bool> condition, string what) => _clock.AdvanceUntilAsync(condition, Ms(10), what);

    private async Task<T> ReadsAsync<T>(Func<Task<T>> read, Func<T, bool> wanted, string what)
    {
        T? last = default;
        await _clock.AdvanceUntilAsync(async () => wanted(last = await read()), Ms(10), what);
        return last!;
    }

    /// <summary>Waits for the nth delivery of a node.</summary>
    private async Task<TimerDelivery> NthAsync(Node node, int n)
    {
        await ComesAsync(() => node.Got.Count >= n, $"delivery {n} of {node.Timer.NodeId}");
        return node.Got.ElementAt(n - 1);
    }

    /// <summary>Waits until nothing is in flight, and nothing is due.</summary>
    private Task RestsAsync(DistributedTimer timer) =>
        ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { InFlight: 0, OldestOverdue: null }, "nothing in flight and nothing due");
}
