using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Dead letters: listed, requeued, purged, trimmed.</summary>
public abstract class TimerDeadLettersSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task They_are_listed_the_longest_dead_first()
    {
        foreach (string id in (string[])["c", "a", "b"])
        {
            await KillAsync(id);
            Clock.Advance(Ms(10));
        }

        List<TimerSnapshot> dead = await DeadLettersAsync(limit: 2);
        dead.Select(e => e.Id).ShouldBe(["c", "a", "b"]);
        dead.ShouldAllBe(e => e.State == TimerState.DeadLettered && e.DeadLetterReason == DeadLetterReason.Rejected && e.Failures.Count == 1);
        dead.Select(e => Clock.GetUtcNow() - e.DeadLetteredAt!.Value).ShouldBe([Ms(30), Ms(20), Ms(10)]);
    }

    [Fact]
    public async Task Pages_of_those_that_died_together_are_complete()
    {
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"e{i:D3}", 0))]);
        await AskAsync(max: 100);
        Clock.Advance(Lease);
        await AskAsync(max: 0);
        (await DeadLettersAsync(limit: 7)).Select(e => e.Id).ShouldBe(Enumerable.Range(0, 100).Select(i => $"e{i:D3}"));
    }

    [Fact]
    public async Task A_page_holds_at_most_a_mebibyte_of_payload()
    {
        for (int i = 0; i < 4; i++)
        {
            await PostAsync($"e{i}", 0, payload: new string('x', 400 << 10));
            await FailAsync(await TakeAsync($"e{i}"), null);
            Clock.Advance(Ms(1));
        }

        TimerPage page = await Timers.DeadLettersAsync(Partition, null, 200, CancellationToken.None);
        page.Items.Count.ShouldBe(2);
        page.Cursor.ShouldNotBeNull();
        (await DeadLettersAsync()).Select(e => e.Id).ShouldBe(["e0", "e1", "e2", "e3"]);
    }

    [Fact]
    public async Task A_requeued_event_has_all_its_retries_again_and_keeps_its_failures()
    {
        await PostAsync("a", 0, maxRetries: 1, payload: "same");
        await FailAsync(await TakeAsync("a"), Ms(0), "one");
        await FailAsync(await TakeAsync("a"), Ms(0), "two");
        (await RequeueAsync(new DeadLetterKey("a", null), Due.In(Seconds(3)))).ShouldBe(TimerOutcome.Done);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.Retries, a.MaxRetries, a.TimeLeft, a.DeadLetterReason, a.DeadLetteredAt).ShouldBe((TimerState.Scheduled, 0, 1, Seconds(3), null, null));
        a.Failures.Select(f => f.Error).ShouldBe(["one", "two"]);
        Clock.Advance(Seconds(3));
        ClaimedEvent again = (await AskAsync()).Events.Single();
        again.Retries.ShouldBe(0);
        again.Payload.ToArray().ShouldBe(Bytes("same"));
        (await DeadLettersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Requeue_means_one_death_and_no_other()
    {
        TimerSnapshot first = await KillAsync("a");
        Clock.Advance(Seconds(1));
        TimerSnapshot second = await KillAsync("a");

        (await RequeueAsync(new DeadLetterKey("a", first.DeadLetteredAt), Due.In(Ms(0)))).ShouldBe(TimerOutcome.NotFound);
        (await StateAsync("a")).ShouldBe(TimerState.DeadLettered);
        (await RequeueAsync(new DeadLetterKey("a", second.DeadLetteredAt), Due.In(Ms(0)))).ShouldBe(TimerOutcome.Done);
        (await RequeueAsync(new DeadLetterKey("a", second.DeadLetteredAt), Due.In(Ms(0)))).ShouldBe(TimerOutcome.NotFound);
        (await ClaimIdsAsync()).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Purge_means_one_death_and_no_other()
    {
        TimerSnapshot first = await KillAsync("a");
        Clock.Advance(Seconds(1));
        TimerSnapshot second = await KillAsync("a");

        (await PurgeAsync(new DeadLetterKey("a", first.DeadLetteredAt))).ShouldBe(TimerOutcome.NotFound);
        (await PurgeAsync(new DeadLetterKey("a", second.DeadLetteredAt))).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a")).ShouldBeNull();
        (await PurgeAsync(new DeadLetterKey("a", null))).ShouldBe(TimerOutcome.NotFound);
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
    }

    [Fact]
    public async Task The_living_are_neither_requeued_nor_purged()
    {
        await PostAsync(Entry("scheduled", 60_000), Entry("held", 0));
        await TakeAsync("held");
        foreach (string id in (string[])["scheduled", "held", "unknown"])
        {
            (await RequeueAsync(new DeadLetterKey(id, null), Due.In(Ms(0)))).ShouldBe(TimerOutcome.NotFound);
            (await PurgeAsync(new DeadLetterKey(id, null))).ShouldBe(TimerOutcome.NotFound);
        }

        (await StateAsync("scheduled")).ShouldBe(TimerState.Scheduled);
        (await StateAsync("held")).ShouldBe(TimerState.InFlight);
        (await PeekAsync("unknown")).ShouldBeNull();
    }

    [Fact]
    public async Task Batches_answer_each_element()
    {
        await KillAsync("a");
        await KillAsync("b");
        DeadLetterKey[] keys = [new("a", null), new("x", null), new("a", null)];
        (await Timers.RequeueAsync(Partition, keys, Due.In(Seconds(1)), CancellationToken.None))
            .ShouldBe([TimerOutcome.Done, TimerOutcome.NotFound, TimerOutcome.NotFound]);
        keys = [new("b", null), new("b", null), new("a", null)];
        (await Timers.PurgeAsync(Partition, keys, CancellationToken.None))
            .ShouldBe([TimerOutcome.Done, TimerOutcome.NotFound, TimerOutcome.NotFound]);
    }

    [Fact]
    public async Task The_oldest_beyond_the_number_are_trimmed_and_counted()
    {
        var keepThree = new DeadLetterLimits(TimeSpan.FromDays(30), 3);
        for (int i = 0; i < 5; i++)
        {
            await KillAsync($"e{i}", keepDeadLetters: keepThree);
            Clock.Advance(Ms(10));
        }

        (await DeadLettersAsync()).Select(e => e.Id).ShouldBe(["e2", "e3", "e4"]);
        (await PeekAsync("e0")).ShouldBeNull();
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 3, 2, null));
    }

    [Fact]
    public async Task Those_dead_for_too_long_are_trimmed_and_counted_when_another_dies()
    {
        var keepAnHour = new DeadLetterLimits(TimeSpan.FromHours(1), 100);
        await KillAsync("old", keepDeadLetters: keepAnHour);
        Clock.Advance(TimeSpan.FromMinutes(30));
        await KillAsync("young", keepDeadLetters: keepAnHour);
        Clock.Advance(TimeSpan.FromMinutes(31));
        await PostAsync("last", 0);
        await TakeAsync("last");
        Clock.Advance(Lease);
        await AskAsync(keepDeadLetters: keepAnHour);

        (await DeadLettersAsync()).Select(e => e.Id).ShouldBe(["young", "last"]);
        (await GetStatsAsync()).DeadLettersEvicted.ShouldBe(1);
    }

    [Fact]
    public async Task Those_dead_for_too_long_are_evicted_although_nothing_else_happens()
    {
        var keepASecond = new DeadLetterLimits(TimeSpan.FromSeconds(1), 100);
        await KillAsync("old", keepDeadLetters: keepASecond);
        Clock.Advance(Ms(1_001));
        await AskAsync(keepDeadLetters: keepASecond);
        (await DeadLettersAsync()).ShouldBeEmpty();
        (await GetStatsAsync()).DeadLettersEvicted.ShouldBe(1);
    }

    [Fact]
    public async Task Nothing_is_kept_where_nothing_is_to_be_kept()
    {
        await PostAsync("a", 0);
        DeliveryKey key = await TakeAsync("a");
        (await FailAsync(key, null, keepDeadLetters: new DeadLetterLimits(TimeSpan.FromDays(1), 0))).ShouldBe(TimerOutcome.DeadLettered);
        (await PeekAsync("a")).ShouldBeNull();
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 1, null));
    }

    [Fact]
    public async Task However_many_die_at_once_no_more_are_kept_than_may_be()
    {
        await PostAsync([.. Enumerable.Range(0, Limits.MaxBatch).Select(i => Entry($"e{i:D3}", 0))]);
        TimerClaim claim = await AskAsync(max: Limits.MaxBatch);
        claim.Events.Count.ShouldBe(Limits.MaxBatch);
        Clock.Advance(Lease);
        await AskAsync(max: 0, keepDeadLetters: new DeadLetterLimits(TimeSpan.FromDays(30), 5));
        TimerStats stats = await GetStatsAsync();
        (stats.DeadLetters, stats.DeadLettersEvicted).ShouldBe((5, Limits.MaxBatch - 5));
    }

    [Fact]
    public async Task Trimming_is_bounded_and_catches_up()
    {
        for (int round = 0; round < 3; round++)
        {
            await PostAsync([.. Enumerable.Range(0, 190).Select(i => Entry($"e{round}-{i:D3}", 0))]);
            await AskAsync(max: 190);
            Clock.Advance(Lease);
            await AskAsync(max: 0);
        }

        (await GetStatsAsync()).DeadLetters.ShouldBe(570);

        var keepFive = new DeadLetterLimits(TimeSpan.FromDays(30), 5);
        for (int deadLetters = 0; (await GetStatsAsync()).DeadLetters > 5; deadLetters++)
        {
            deadLetters.ShouldBeLessThan(10);
            Clock.Advance(Ms(1));
            await PostAsync($"more{deadLetters}", 0);
            await FailAsync(await TakeAsync($"more{deadLetters}"), null, keepDeadLetters: keepFive);
        }

        TimerStats stats = await GetStatsAsync();
        stats.DeadLetters.ShouldBe(5);
        stats.DeadLettersEvicted.ShouldBeGreaterThanOrEqualTo(567);
    }
}
