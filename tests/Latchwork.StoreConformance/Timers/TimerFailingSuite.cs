using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Failing: retries, and what an event dies of.</summary>
public abstract class TimerFailingSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task A_failure_spends_a_retry_and_waits()
    {
        await PostAsync("a", 0, maxRetries: 2);
        (await FailAsync(await TakeAsync("a"), Seconds(5), "first", node: "n9")).ShouldBe(TimerOutcome.Done);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.Retries, a.TimeLeft, a.Token).ShouldBe((TimerState.Scheduled, 1, Seconds(5), null));
        a.Failures.ShouldBe([new AttemptFailure(1, "n9", Clock.GetUtcNow(), "first")]);
        Clock.Advance(Seconds(5) - Ms(1));
        (await AskAsync()).Events.ShouldBeEmpty();
        Clock.Advance(Ms(1));
        (await AskAsync()).Events.Single().Retries.ShouldBe(1);
    }

    [Fact]
    public async Task Nine_interruptions_spend_nothing_and_from_the_tenth_on_each_is_a_failure()
    {
        await PostAsync("a", 0, maxRetries: 1);
        DateTimeOffset due = Clock.GetUtcNow();
        Clock.Advance(Seconds(1));
        for (int n = 1; n <= 9; n++)
        {
            (await InterruptAsync(await TakeAsync("a"))).ShouldBe(TimerOutcome.Done);
            TimerSnapshot back = (await PeekAsync("a"))!;
            (back.State, back.Due, back.Retries, back.Interruptions, back.Failures.Count).ShouldBe((TimerState.Scheduled, due, 0, n, 0));
        }

        (await InterruptAsync(await TakeAsync("a"))).ShouldBe(TimerOutcome.Done);
        TimerSnapshot spent = (await PeekAsync("a"))!;
        (spent.State, spent.TimeLeft, spent.Retries, spent.Interruptions).ShouldBe((TimerState.Scheduled, Seconds(5), 1, 10));
        (spent.Failures.Single().Attempt, spent.Failures.Single().Error).ShouldBe((1, "interrupted"));
        Clock.Advance(Seconds(5));
        DeliveryKey last = await TakeAsync("a");
        (await InterruptAsync(last)).ShouldBe(TimerOutcome.DeadLettered);
        (await InterruptAsync(last)).ShouldBe(TimerOutcome.Stale);
        TimerSnapshot dead = (await PeekAsync("a"))!;
        (dead.State, dead.DeadLetterReason, dead.Retries, dead.Interruptions, dead.Failures.Count).ShouldBe((TimerState.DeadLettered, DeadLetterReason.RetriesExhausted, 1, 11, 2));

        // Requeued, it begins anew.
        (await RequeueAsync(new DeadLetterKey("a", null), TimeSpan.Zero)).ShouldBe(TimerOutcome.Done);
        (await InterruptAsync(await TakeAsync("a"))).ShouldBe(TimerOutcome.Done);
        TimerSnapshot again = (await PeekAsync("a"))!;
        (again.State, again.Retries, again.Interruptions, again.Failures.Count).ShouldBe((TimerState.Scheduled, 0, 1, 2));
        (await ConfirmAsync(await TakeAsync("a"))).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a")).ShouldBeNull();
        await PostAsync("a", 0);
        (await PeekAsync("a"))!.Interruptions.ShouldBe(0);

        Task<TimerOutcome> InterruptAsync(DeliveryKey key) => FailAsync(key, Seconds(5), "interrupted", isInterruption: true);
    }

    [Fact]
    public async Task Failures_and_expired_leases_keep_the_number_of_interruptions_and_a_batch_may_have_both()
    {
        await PostAsync(Entry("a", 0, maxRetries: 9), Entry("b", 0, maxRetries: 9), Entry("c", 0, maxRetries: 9));
        foreach (int round in (int[])[1, 2])
        {
            await AskAsync("n1", $"t{round}");
            TimerFailure[] failures =
            [
                new(new("a", $"t{round}"), "n1", "interrupted", Seconds(1), DeadLetterReason.RetriesExhausted) { IsInterruption = true },
                new(new("b", $"t{round}"), "n1", "failed", Ms(0), DeadLetterReason.RetriesExhausted),
                new(new("c", $"t{round}"), "n1", "interrupted", Seconds(1), DeadLetterReason.RetriesExhausted) { IsInterruption = true },
            ];
            (await Timers.FailAsync(Partition, failures, KeepDeadLetters, CancellationToken.None)).ShouldAllBe(one => one == TimerOutcome.Done);
        }

        await SeesAsync("a", retries: 0, interruptions: 2, failures: 0);
        await SeesAsync("b", retries: 2, interruptions: 0, failures: 2);
        await AskAsync("n1", "t3");
        (await FailAsync(new DeliveryKey("c", "t3"), Ms(0))).ShouldBe(TimerOutcome.Done);
        await SeesAsync("c", retries: 1, interruptions: 2, failures: 1);
        Clock.Advance(Lease);
        await AskAsync("n2", max: 0);
        await SeesAsync("a", retries: 1, interruptions: 2, failures: 1);

        async Task SeesAsync(string id, int retries, int interruptions, int failures)
        {
            TimerSnapshot seen = (await PeekAsync(id))!;
            (seen.State, seen.Retries, seen.Interruptions, seen.Failures.Count).ShouldBe((TimerState.Scheduled, retries, interruptions, failures), id);
        }
    }

    [Fact]
    public async Task With_no_retries_there_is_one_attempt()
    {
        await PostAsync("a", 0, maxRetries: 0, payload: "kept");
        DateTimeOffset due = Clock.GetUtcNow();
        DeliveryKey key = await TakeAsync("a");
        Clock.Advance(Seconds(1));
        (await FailAsync(key, Seconds(5), "the only one")).ShouldBe(TimerOutcome.DeadLettered);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.DeadLetterReason, a.DeadLetteredAt, a.Retries, a.MaxRetries).ShouldBe((TimerState.DeadLettered, DeadLetterReason.RetriesExhausted, Clock.GetUtcNow(), 0, 0));
        (a.Due, a.TimeLeft, a.LeaseLeft, a.Token, a.NodeId).ShouldBe((due, TimeSpan.Zero, null, null, null));
        a.Payload.ToArray().ShouldBe(Bytes("kept"));
        a.Failures.Single().Error.ShouldBe("the only one");
        (await FailAsync(key, Seconds(5))).ShouldBe(TimerOutcome.Stale);
    }

    [Fact]
    public async Task After_its_last_retry_it_is_dead_with_its_reason()
    {
        await PostAsync("a", 0, maxRetries: 3);
        for (int retry = 0; retry < 3; retry++) (await FailAsync(await TakeAsync("a"), Ms(0), $"attempt {retry + 1}")).ShouldBe(TimerOutcome.Done);
        (await FailAsync(await TakeAsync("a"), Ms(0), "attempt 4")).ShouldBe(TimerOutcome.DeadLettered);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.Retries, a.DeadLetterReason).ShouldBe((TimerState.DeadLettered, 3, DeadLetterReason.RetriesExhausted));
        a.Failures.Select(f => (f.Attempt, f.Error)).ShouldBe([(1, "attempt 1"), (2, "attempt 2"), (3, "attempt 3"), (4, "attempt 4")]);
    }

    [Theory]
    [InlineData(DeadLetterReason.Rejected)]
    [InlineData(DeadLetterReason.DeserializationFailed)]
    public async Task A_rejected_event_dies_at_once_whatever_retries_are_left(DeadLetterReason reason)
    {
        await PostAsync("a", 0, maxRetries: 9);
        (await FailAsync(await TakeAsync("a"), retryIn: null, "no", reason)).ShouldBe(TimerOutcome.DeadLettered);
        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.DeadLetterReason, a.Retries, a.MaxRetries).ShouldBe((TimerState.DeadLettered, reason, 0, 9));
    }

    [Fact]
    public async Task The_last_ten_failures_are_kept()
    {
        await PostAsync("a", 0, maxRetries: 20);
        for (int attempt = 1; attempt <= 13; attempt++)
        {
            await FailAsync(await TakeAsync("a", $"n{attempt}"), Ms(0), $"error {attempt}", node: $"n{attempt}");
            Clock.Advance(Ms(1));
        }

        IReadOnlyList<AttemptFailure> failures = (await PeekAsync("a"))!.Failures;
        failures.Select(f => (f.Attempt, f.NodeId, f.Error)).ShouldBe(Enumerable.Range(4, 10).Select(i => (i, $"n{i}", $"error {i}")));
        failures.Select(f => f.At).ShouldBeInOrder();
    }

    [Theory]
    [InlineData("x", 2_000, 1_024)]
    [InlineData("\u00e9", 700, 1_024)]
    [InlineData("\u20ac", 400, 1_023)]
    [InlineData("\U0001F600", 300, 1_024)]
    [InlineData("x", 1_024, 1_024)]
    [InlineData("", 1, 0)]
    public async Task Up_to_a_kibibyte_of_an_error_is_kept_and_no_character_is_cut(string character, int times, int bytesKept)
    {
        string error = string.Concat(Enumerable.Repeat(character, times));
        await PostAsync("a", 0);
        await FailAsync(await TakeAsync("a"), null, error);

        string kept = (await PeekAsync("a"))!.Failures.Single().Error;
        Encoding.UTF8.GetByteCount(kept).ShouldBe(bytesKept);
        error.ShouldStartWith(kept);
    }

    [Fact]
    public async Task Errors_and_node_names_come_back_as_they_were()
    {
        const string Odd = "line 1\r\nline 2\t\"quoted\" \\ | ; \u0001 {} %7B \u00e9\U0001F600";
        await PostAsync("a", 0);
        await FailAsync(await TakeAsync("a", Odd), null, Odd, node: Odd);
        AttemptFailure failure = (await PeekAsync("a"))!.Failures.Single();
        (failure.NodeId, failure.Error).ShouldBe((Odd, Odd));
    }

    [Fact]
    public async Task A_batch_of_failures_answers_each()
    {
        await PostAsync(Entry("retry", 0, maxRetries: 1), Entry("die", 0));
        await AskAsync("n1", "t");
        TimerFailure Fail(string id, string token) => new(new DeliveryKey(id, token), "n1", "boom", Seconds(1), DeadLetterReason.RetriesExhausted);
        TimerFailure[] failures = [Fail("retry", "t"), Fail("die", "t"), Fail("die", "t"), Fail("retry", "u"), Fail("none", "t")];

        (await Timers.FailAsync(Partition, failures, KeepDeadLetters, CancellationToken.None))
            .ShouldBe([TimerOutcome.Done, TimerOutcome.DeadLettered, TimerOutcome.Stale, TimerOutcome.Stale, TimerOutcome.NotFound]);
        (await GetStatsAsync()).ShouldBe(new TimerStats(1, 0, 1, 0, null));
    }

    [Fact]
    public async Task A_lease_that_runs_out_and_a_failure_count_the_same()
    {
        await PostAsync("a", 0, maxRetries: 2);
        await TakeAsync("a", "dies");
        Clock.Advance(Lease);
        DeliveryKey second = await TakeAsync("a", "n2");
        await FailAsync(second, Ms(0), "boom", node: "n2");
        ClaimedEvent third = (await AskAsync("dies too")).Events.Single();
        third.Retries.ShouldBe(2);
        Clock.Advance(Lease);
        await AskAsync("n2");

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.DeadLetterReason, a.Retries).ShouldBe((TimerState.DeadLettered, DeadLetterReason.LeaseExpired, 2));
        a.Failures.Select(f => (f.Attempt, f.NodeId)).ShouldBe([(1, "dies"), (2, "n2"), (3, "dies too")]);
    }
}
