using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <content>Declarations, by many and one after the other; what is refused.</content>
public abstract partial class EngineScheduleSuite
{
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
            await MoveToAsync(n);
            await ComesAsync(() => ran.Count > n, $"occurrence {n}");
            await RestsAsync(timers[0]);
        }

        ran.ShouldBe(Enumerable.Range(0, 5).Select(At), ignoreOrder: true);
        Errors.ShouldBeEmpty();
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
        await MoveToAsync(25);
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
}
