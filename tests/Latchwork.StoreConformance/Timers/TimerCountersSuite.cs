using Latchwork.Storage;
using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>The counters of a namespace: what is counted, in which minute and hour, and for how long it is kept.</summary>
public abstract class TimerCountersSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    [Fact]
    public async Task A_namespace_that_was_never_used_has_none()
    {
        TimerCounters counters = await CountersAsync();
        counters.Totals.ShouldBe(TimerCounts.Zero);
        counters.Minutes.ShouldBeEmpty();
        counters.Hours.ShouldBeEmpty();
    }

    [Fact]
    public async Task Posts_are_counted_and_those_that_replace_something()
    {
        await PostAsync(Entry("a", 60_000), Entry("b", 60_000), Entry("a", 60_000));
        await PostAsync("b", 60_000);
        await PostAsync("b", 60_000, ifExists: IfExists.Keep);
        await PostAsync("b", 60_000, ifExists: IfExists.Fail);
        await PostAsync("c", 60_000, ifExists: IfExists.Fail);
        await ShouldBeAsync(new TimerCounts { Posted = 5, Replaced = 2 });
        await KillAsync("d");
        await PostAsync("d", 60_000);
        await ShouldBeAsync(new TimerCounts { Posted = 7, Replaced = 3, Delivered = 1, Failed = 1, Rejected = 1 });
    }

    [Fact]
    public async Task What_is_cancelled_is_counted_and_what_is_purged_is_not()
    {
        await PostAsync(Entry("scheduled", 60_000), Entry("held", 0));
        await TakeAsync("held");
        (await CancelAsync("scheduled")).ShouldBe(TimerOutcome.Done);
        (await CancelAsync("scheduled")).ShouldBe(TimerOutcome.NotFound);
        (await CancelAsync("held")).ShouldBe(TimerOutcome.InFlight);
        (await CancelAsync("held", revoke: true)).ShouldBe(TimerOutcome.Done);
        await KillAsync("dead");
        (await CancelAsync("dead")).ShouldBe(TimerOutcome.Done);
        await KillAsync("dead");
        (await PurgeAsync(new DeadLetterKey("dead", null))).ShouldBe(TimerOutcome.Done);
        await ShouldBeAsync(new TimerCounts { Posted = 4, Cancelled = 2, Delivered = 3, Failed = 2, Rejected = 2 });
    }

    [Fact]
    public async Task Deliveries_count_once_whatever_is_repeated_and_confirmations_that_took_effect()
    {
        await PostAsync([.. Enumerable.Range(0, 5).Select(i => Entry($"e{i}", 0))]);
        await AskAsync(token: "t0");
        await AskAsync(token: "t0");
        await ConfirmAsync(new DeliveryKey("e0", "t0"));
        await ConfirmAsync(new DeliveryKey("e0", "t0"));
        await ConfirmAsync(new DeliveryKey("e1", "stale"));
        await Timers.ConfirmAsync(Partition, [new("e2", "t0"), new("e2", "t0"), new("e3", "t0")], CompletedLimits.None, CancellationToken.None);
        await ShouldBeAsync(new TimerCounts { Posted = 5, Delivered = 5, Confirmed = 3 });
    }

    [Fact]
    public async Task Failures_hand_backs_and_expired_leases_are_counted_and_dead_letters_by_their_reason()
    {
        await PostAsync("a", 0, maxRetries: 1);
        await FailAsync(await TakeAsync("a"), Ms(0), isInterruption: true); // handed back
        await ReleaseAsync(await TakeAsync("a"));
        await FailAsync(await TakeAsync("a"), Ms(0));
        Clock.Advance(Ms(1));
        await FailAsync(await TakeAsync("a"), Ms(0));
        await FailAsync(new DeliveryKey("a", "stale"), Ms(0));
        await ShouldBeAsync(new TimerCounts { Posted = 1, Delivered = 4, HandedBack = 2, Failed = 2, RetriesExhausted = 1 });

        await KillAsync("b", DeadLetterReason.DeserializationFailed);
        await KillAsync("c", DeadLetterReason.Rejected);
        await PostAsync("d", 0, maxRetries: 1);
        await TakeAsync("d");
        Clock.Advance(Lease);
        await TakeAsync("d");
        Clock.Advance(Lease);
        (await AskAsync(max: 0)).DeadLettered.ShouldBe(1);
        await ShouldBeAsync(new TimerCounts
        {
            Posted = 4,
            Delivered = 8,
            HandedBack = 2,
            Failed = 4,
            ExpiredLeases = 2,
            RetriesExhausted = 1,
            DeserializationFailed = 1,
            Rejected = 1,
            LeaseExpired = 1,
        });
        (await CountersAsync()).Totals.DeadLettered.ShouldBe(4);
    }

    [Fact]
    public async Task Occurrences_of_schedules_are_posted_and_those_that_do_not_run_are_cancelled()
    {
        ScheduleRecord record = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);
        (await AdvanceAsync(RunOf(key, record, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Run);
        await ConfirmAsync(key);
        (await Schedules.RemoveAsync(Partition, Nightly, null, CancellationToken.None)).ShouldBe(ScheduleRemoval.Removed);
        await ShouldBeAsync(new TimerCounts { Posted = 2, Delivered = 1, Confirmed = 1, Cancelled = 1 });
    }

    [Fact]
    public async Task Each_minute_and_each_hour_has_its_own()
    {
        await BeginHourAsync();
        await PostAsync("a", 3_600_000);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await PostAsync(Entry("b", 7_200_000), Entry("c", 7_200_000));
        Clock.Advance(TimeSpan.FromMinutes(2));
        await PostAsync("d", 7_200_000);
        DateTimeOffset minute = Whole(Clock.GetUtcNow(), TimeSpan.FromMinutes(1)), hour = Whole(Clock.GetUtcNow(), TimeSpan.FromHours(1));

        TimerCounters counters = await CountersAsync();
        counters.Totals.Posted.ShouldBe(4);
        counters.Minutes.Count.ShouldBe(60);
        counters.Minutes[^1].Start.ShouldBe(minute);
        counters.Minutes[0].Start.ShouldBe(minute - TimeSpan.FromMinutes(59));
        counters.Minutes.TakeLast(5).Select(bucket => bucket.Counts.Posted).ShouldBe([0, 1, 2, 0, 1]);
        counters.Minutes.SkipLast(4).ShouldAllBe(bucket => bucket.Counts == TimerCounts.Zero);
        counters.Hours.Count.ShouldBe(48);
        counters.Hours[^1].ShouldBe(new TimerCountsBucket(hour, new TimerCounts { Posted = 4 }));
        counters.Hours.SkipLast(1).ShouldAllBe(bucket => bucket.Counts == TimerCounts.Zero);

        Clock.Advance(TimeSpan.FromHours(1));
        await PostAsync("e", 7_200_000);
        counters = await CountersAsync();
        counters.Totals.Posted.ShouldBe(5);
        counters.Hours.TakeLast(3).Select(bucket => bucket.Counts.Posted).ShouldBe([0, 4, 1]);
        counters.Minutes.Sum(bucket => bucket.Counts.Posted).ShouldBe(1);
    }

    [Fact]
    public async Task Minutes_and_hours_pass_though_nothing_is_counted_and_totals_stay()
    {
        await PostAsync("a", 0);
        Clock.Advance(TimeSpan.FromMinutes(61));
        TimerCounters counters = await CountersAsync();
        (counters.Minutes.Sum(bucket => bucket.Counts.Posted), counters.Hours.Sum(bucket => bucket.Counts.Posted), counters.Totals.Posted).ShouldBe((0, 1, 1));
        Clock.Advance(TimeSpan.FromHours(48));
        counters = await CountersAsync();
        (counters.Minutes.Sum(bucket => bucket.Counts.Posted), counters.Hours.Sum(bucket => bucket.Counts.Posted), counters.Totals.Posted).ShouldBe((0, 0, 1));
    }

    [Fact]
    public async Task Over_days_nothing_is_lost_from_the_totals_and_the_last_hours_are_right()
    {
        await BeginHourAsync();
        for (int hour = 0; hour < 100; hour++)
        {
            for (int i = 0; i < 3; i++)
            {
                await PostAsync([.. Enumerable.Range(0, 1 + hour % 5).Select(k => Entry($"{hour}-{i}-{k}", 3_600_000_000d))]);
                Clock.Advance(TimeSpan.FromMinutes(20));
            }
        }

        TimerCounters counters = await CountersAsync();
        counters.Totals.Posted.ShouldBe(Enumerable.Range(0, 100).Sum(hour => 3 * (1 + hour % 5)));
        counters.Hours.Select(bucket => bucket.Counts.Posted).ShouldBe([.. Enumerable.Range(53, 47).Select(hour => 3L * (1 + hour % 5)), 0]);
        counters.Minutes.Where(bucket => bucket.Counts.Posted > 0).Select(bucket => bucket.Counts.Posted).ShouldBe([5L, 5L]);
    }

    private static DateTimeOffset Whole(DateTimeOffset time, TimeSpan length) => new(time.Ticks - time.Ticks % length.Ticks, TimeSpan.Zero);

    /// <summary>Moves the clock to the first minute of an hour.</summary>
    private Task BeginHourAsync()
    {
        Clock.Advance(Whole(Clock.GetUtcNow(), TimeSpan.FromHours(1)) + TimeSpan.FromHours(1) - Clock.GetUtcNow());
        return Task.CompletedTask;
    }

    private async Task ShouldBeAsync(TimerCounts expected)
    {
        TimerCounters counters = await CountersAsync();
        counters.Totals.ShouldBe(expected);
        Sum(counters.Hours).ShouldBe(expected, "nothing was counted more than 48 hours ago");
    }

    private static TimerCounts Sum(IReadOnlyList<TimerCountsBucket> buckets) => new()
    {
        Posted = buckets.Sum(one => one.Counts.Posted),
        Replaced = buckets.Sum(one => one.Counts.Replaced),
        Cancelled = buckets.Sum(one => one.Counts.Cancelled),
        Delivered = buckets.Sum(one => one.Counts.Delivered),
        Confirmed = buckets.Sum(one => one.Counts.Confirmed),
        Failed = buckets.Sum(one => one.Counts.Failed),
        HandedBack = buckets.Sum(one => one.Counts.HandedBack),
        ExpiredLeases = buckets.Sum(one => one.Counts.ExpiredLeases),
        RetriesExhausted = buckets.Sum(one => one.Counts.RetriesExhausted),
        LeaseExpired = buckets.Sum(one => one.Counts.LeaseExpired),
        Rejected = buckets.Sum(one => one.Counts.Rejected),
        DeserializationFailed = buckets.Sum(one => one.Counts.DeserializationFailed),
        RecordDamaged = buckets.Sum(one => one.Counts.RecordDamaged),
    };
}
