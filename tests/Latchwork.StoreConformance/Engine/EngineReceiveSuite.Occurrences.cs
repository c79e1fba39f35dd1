using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <content>Occurrences of schedules.</content>
public abstract partial class EngineReceiveSuite
{
    [Fact]
    public async Task An_occurrence_has_advanced_its_schedule_before_it_is_given_away()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        ScheduleResult made = await timer.Schedules.AddOrUpdateAsync("nightly", Schedule.Cron("* * * * *"), "x"u8.ToArray());
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(1, TimeSpan.FromHours(1));
        await clock.AdvanceUntilAsync(() => waiting.IsCompleted, Ms(500), "the occurrence comes");
        TimerDelivery delivery = (await waiting).ShouldHaveSingleItem();
        delivery.Occurrence!.ScheduleId.ShouldBe("nightly");
        (await timer.Schedules.GetAsync("nightly"))!.Next!.Value.ShouldBeGreaterThan(made.Next!.Value);
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task Occurrences_of_one_instant_are_given_to_a_caller_as_many_as_it_wants_and_none_is_handed_back()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        const int Schedules = 60;
        await MakeDueAsync(timer, clock, Schedules);

        int got = 0;
        for (int calls = 1; got < Schedules; calls++)
        {
            IReadOnlyList<TimerDelivery> deliveries = await timer.ReceiveAsync(20, TestTimeout);
            got += deliveries.Count;
            calls.ShouldBeLessThanOrEqualTo(Schedules / 10, "a call brings what it asked for, and not one");
            foreach (TimerDelivery delivery in deliveries) (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        }

        TimerCounts counts = (await timer.GetStatsAsync()).Counters.Totals;
        (counts.Delivered, counts.Confirmed, counts.HandedBack).ShouldBe((Schedules, Schedules, 0));
    }

    [Fact]
    public async Task An_event_that_one_claim_brings_with_occurrences_is_given_to_the_caller_together_with_them()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        await MakeDueAsync(timer, clock, 19);
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });

        IReadOnlyList<TimerDelivery> deliveries = await timer.ReceiveAsync(20, TestTimeout);

        deliveries.Count.ShouldBe(20);
        foreach (TimerDelivery delivery in deliveries) (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        (await timer.GetStatsAsync()).Counters.Totals.HandedBack.ShouldBe(0);
    }

    [Fact]
    public async Task An_event_that_one_claim_brings_with_occurrences_does_not_wait_until_their_schedules_can_be_read()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        await MakeDueAsync(timer, clock, 5);
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        Faults.FailAlways(nameof(IScheduleStore.ReadAsync), Fault.FailedTask);

        (await timer.ReceiveAsync(20, TestTimeout)).ShouldHaveSingleItem().Id.ShouldBe("x");

        Faults.FailAlways(nameof(IScheduleStore.ReadAsync), null);
        await clock.AdvanceUntilAsync(async () => (await timer.GetStatsAsync()) is { Scheduled: 10, InFlight: 1 }, Ms(10), "the occurrences are handed back, and the next ones posted");
    }

    [Fact]
    public async Task No_occurrence_begins_before_the_schedules_of_all_that_the_claim_brought_are_read()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        const int Schedules = ScheduleReader.MaxRead + 10;
        await MakeDueAsync(timer, clock, Schedules);
        int before = Faults.Calls(nameof(IScheduleStore.ReadAsync));
        bool isDown = true;
        Faults.AfterAnswer = operation => operation == nameof(IScheduleStore.ReadAsync) && Faults.Calls(operation) > before + 1 && Volatile.Read(ref isDown)
            ? Task.FromException(new LatchworkStoreException("The reply was lost by the test.", StoreOutcome.Unknown) { IsTransient = true })
            : Task.CompletedTask;
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(100, TimeSpan.FromHours(1));
        await clock.AdvanceUntilAsync(() => Faults.Calls(nameof(IScheduleStore.ReadAsync)) >= before + 5, Ms(10), "the second read fails again and again");

        (await timer.InFlightAsync().ToListAsync()).Count(one => one.HasBegun == true).ShouldBe(0);

        Volatile.Write(ref isDown, false);
        await clock.AdvanceUntilAsync(() => waiting.IsCompleted, Ms(10), "the store answers");
        IReadOnlyList<TimerDelivery> deliveries = await waiting;
        deliveries.Count.ShouldBe(Schedules);
        foreach (TimerDelivery delivery in deliveries) (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        (await timer.GetStatsAsync()).Counters.Totals.HandedBack.ShouldBe(0);
    }

    /// <summary>Declares schedules of which each has an occurrence that is due now.</summary>
    private static async Task MakeDueAsync(DistributedTimer timer, ManualTimeProvider clock, int schedules)
    {
        for (int i = 0; i < schedules; i++) await timer.Schedules.AddOrUpdateAsync($"s{i}", Schedule.Cron("0 0 1 1 *"), "x"u8.ToArray());
        clock.Advance((await timer.Schedules.GetAsync("s0"))!.Next!.Value - clock.GetUtcNow());
    }
}
