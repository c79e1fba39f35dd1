using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Leases: how they end, are extended and handed back, and what a stale token may do (nothing).</summary>
public abstract class TimerLeaseSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task Confirming_ends_the_event()
    {
        await PostAsync("a", 0);
        DeliveryKey key = await TakeAsync("a");
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a")).ShouldBeNull();
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.NotFound);
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
    }

    [Fact]
    public async Task An_expired_lease_gives_the_event_to_the_next_with_a_retry_spent()
    {
        await PostAsync("a", 0, maxRetries: 1, payload: "same");
        DateTimeOffset claimedAt = Clock.GetUtcNow();
        await TakeAsync("a", "dies");
        Clock.Advance(Lease - Ms(1));
        (await AskAsync("n2")).Events.ShouldBeEmpty();
        Clock.Advance(Ms(1));

        ClaimedEvent a = (await AskAsync("n2")).Events.Single();
        (a.Id, a.Retries, a.MaxRetries).ShouldBe(("a", 1, 1));
        a.Payload.ToArray().ShouldBe(Bytes("same"));
        a.Due.ShouldBe(claimedAt + Lease, "it is due since the lease ran out");
        AttemptFailure failure = (await PeekAsync("a"))!.Failures.Single();
        (failure.Attempt, failure.NodeId, failure.At).ShouldBe((1, "dies", Clock.GetUtcNow()));
        failure.Error.ShouldContain("lease");
    }

    [Fact]
    public async Task An_expired_lease_with_no_retry_left_kills_the_event()
    {
        await PostAsync("a", 0, payload: "kept");
        await TakeAsync("a", "dies");
        Clock.Advance(Lease);
        TimerClaim found = await AskAsync("n2");
        found.Events.ShouldBeEmpty();
        found.DeadLettered.ShouldBe(1);
        (await AskAsync("n2")).DeadLettered.ShouldBe(0);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.DeadLetterReason, a.DeadLetteredAt, a.Retries).ShouldBe((TimerState.DeadLettered, DeadLetterReason.LeaseExpired, Clock.GetUtcNow(), 0));
        a.Payload.ToArray().ShouldBe(Bytes("kept"));
        a.Failures.Single().NodeId.ShouldBe("dies");
    }

    [Fact]
    public async Task An_expired_lease_that_nobody_took_over_is_still_good()
    {
        await PostAsync(Entry("confirm", 0), Entry("extend", 0), Entry("release", 0), Entry("fail", 0, maxRetries: 1));
        await AskAsync("n1", "t");
        Clock.Advance(Lease * 3);
        (await PeekAsync("confirm"))!.LeaseLeft.ShouldBe(TimeSpan.Zero);

        (await ConfirmAsync(new DeliveryKey("confirm", "t"))).ShouldBe(TimerOutcome.Done);
        (await ExtendAsync(new DeliveryKey("extend", "t"), Lease)).ShouldBe(TimerOutcome.Done);
        (await ReleaseAsync(new DeliveryKey("release", "t"))).ShouldBe(TimerOutcome.Done);
        (await FailAsync(new DeliveryKey("fail", "t"), Seconds(1))).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("extend"))!.LeaseLeft.ShouldBe(Lease);
        (await PeekAsync("release"))!.Retries.ShouldBe(0);
        (await PeekAsync("fail"))!.Retries.ShouldBe(1);
    }

    [Fact]
    public async Task Extending_prolongs_the_lease_and_never_shortens_it()
    {
        await PostAsync("a", 0, maxRetries: 1);
        DeliveryKey key = await TakeAsync("a");
        Clock.Advance(Seconds(6));
        (await ExtendAsync(key, Lease)).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a"))!.LeaseLeft.ShouldBe(Lease);
        (await ExtendAsync(key, Seconds(1))).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a"))!.LeaseLeft.ShouldBe(Lease);
        Clock.Advance(Lease - Ms(1));
        (await AskAsync("n2")).Events.ShouldBeEmpty();
        Clock.Advance(Ms(1));
        (await ClaimIdsAsync("n2")).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Handing_back_restores_the_due_time_and_spends_no_retry()
    {
        await PostAsync("a", 100, maxRetries: 1);
        DateTimeOffset due = Clock.GetUtcNow() + Ms(100);
        Clock.Advance(Seconds(3));
        DeliveryKey key = await TakeAsync("a");
        Clock.Advance(Seconds(3));
        (await ReleaseAsync(key)).ShouldBe(TimerOutcome.Done);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.State, a.Due, a.Retries, a.Token, a.LeaseLeft).ShouldBe((TimerState.Scheduled, due, 0, null, null));
        a.Failures.ShouldBeEmpty();
        (await ReleaseAsync(key)).ShouldBe(TimerOutcome.Stale);
        (await AskAsync("n2")).Events.Single().Retries.ShouldBe(0);
    }

    [Fact]
    public async Task An_event_handed_back_goes_before_what_fell_due_later()
    {
        await PostAsync(Entry("old", 0), Entry("young", 500));
        DeliveryKey old = await TakeAsync("old");
        Clock.Advance(Seconds(1));
        await ReleaseAsync(old);
        (await ClaimIdsAsync("n2")).ShouldBe(["old", "young"]);
    }

    [Fact]
    public async Task A_token_is_stale_while_the_event_lives_in_another_state_and_not_found_when_it_is_gone()
    {
        await PostAsync(Entry("scheduled", 60_000), Entry("held", 0), Entry("gone", 0));
        await AskAsync("n1", "t");
        await ConfirmAsync(new DeliveryKey("gone", "t"));
        await KillAsync("dead");

        foreach (string id in (string[])["scheduled", "held", "dead"]) await EveryAnswerShouldBeAsync(new DeliveryKey(id, "other"), TimerOutcome.Stale);
        foreach (string id in (string[])["gone", "never"]) await EveryAnswerShouldBeAsync(new DeliveryKey(id, "t"), TimerOutcome.NotFound);
        (await StateAsync("scheduled")).ShouldBe(TimerState.Scheduled);
        (await PeekAsync("held"))!.Token.ShouldBe("t");
        (await StateAsync("dead")).ShouldBe(TimerState.DeadLettered);
        (await GetStatsAsync()).ShouldBe(new TimerStats(1, 1, 1, 0, null));
    }

    [Fact]
    public async Task After_a_takeover_the_former_owner_can_do_nothing()
    {
        await PostAsync("a", 0, maxRetries: 3);
        DeliveryKey former = await TakeAsync("a", "n1");
        Clock.Advance(Lease);
        DeliveryKey present = await TakeAsync("a", "n2");
        TimerSnapshot before = (await PeekAsync("a"))!;

        await EveryAnswerShouldBeAsync(former, TimerOutcome.Stale);
        TimerSnapshot after = (await PeekAsync("a"))!;
        (after.Token, after.NodeId, after.LeaseLeft, after.Retries).ShouldBe((present.Token, "n2", before.LeaseLeft, 1));
        after.Failures.Count.ShouldBe(1);
        (await ConfirmAsync(present)).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task A_batch_answers_each_element_in_order_even_doubled()
    {
        await PostAsync(Entry("a", 0), Entry("b", 0));
        await AskAsync("n1", "t");
        DeliveryKey[] keys = [new("a", "t"), new("x", "t"), new("b", "wrong"), new("a", "t"), new("b", "t")];
        (await Timers.ConfirmAsync(Partition, keys, CompletedLimits.None, CancellationToken.None))
            .ShouldBe([TimerOutcome.Done, TimerOutcome.NotFound, TimerOutcome.Stale, TimerOutcome.NotFound, TimerOutcome.Done]);
        (await GetStatsAsync()).InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Taking_back_is_bounded_and_goes_on_at_once()
    {
        for (int batch = 0; batch < 3; batch++) await PostAsync([.. Enumerable.Range(0, 150).Select(i => Entry($"e{batch}-{i}", 0, maxRetries: 1))]);
        int claimed = 0;
        while (claimed < 450) claimed += (await AskAsync("dies", max: 200, capacity: 1_000)).Events.Count;
        Clock.Advance(Lease);

        var ids = new List<string>();
        for (int claims = 0; ids.Count < 450; claims++)
        {
            claims.ShouldBeLessThan(20);
            TimerClaim claim = await AskAsync("n2", max: 200, capacity: 1_000);
            ids.AddRange(claim.Events.Select(e => e.Id));
            if (ids.Count < 450) claim.AskAgainIn.ShouldBe(TimeSpan.Zero);
        }

        ids.Distinct().Count().ShouldBe(450);
    }

    private async Task EveryAnswerShouldBeAsync(DeliveryKey key, TimerOutcome outcome)
    {
        (await ConfirmAsync(key)).ShouldBe(outcome, $"confirm {key}");
        (await ExtendAsync(key, TimeSpan.FromMinutes(5))).ShouldBe(outcome, $"extend {key}");
        (await ReleaseAsync(key)).ShouldBe(outcome, $"release {key}");
        (await FailAsync(key, Seconds(1))).ShouldBe(outcome, $"fail {key}");
        (await FailAsync(key, retryIn: null, reason: DeadLetterReason.Rejected)).ShouldBe(outcome, $"reject {key}");
    }
}
