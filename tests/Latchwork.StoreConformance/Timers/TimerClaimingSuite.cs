using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Claiming: what, how much, in which order, and never early.</summary>
public abstract class TimerClaimingSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task Nothing_is_claimed_where_nothing_is_due()
    {
        await PostAsync("a", 1_000);
        (await AskAsync()).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_claim_gives_the_event_whole_and_moves_it_in_flight()
    {
        var headers = new Dictionary<string, string> { ["traceparent"] = "00-abc", ["größe"] = "" };
        TimerEntry entry = new("a", Due.In(Ms(100)), Bytes("data"), 4, IfExists.Replace, headers, IdIsNew: false);
        DateTimeOffset due = Clock.GetUtcNow() + Ms(100);
        await PostAsync(entry);
        Clock.Advance(Ms(130));

        ClaimedEvent a = (await AskAsync("n7", "token-1")).Events.Single();
        (a.Id, a.Retries, a.MaxRetries, a.Due).ShouldBe(("a", 0, 4, due));
        a.Payload.ToArray().ShouldBe(Bytes("data"));
        a.Headers.ShouldBe(headers, ignoreOrder: true);
        a.Lateness.ShouldBe(Ms(30));

        TimerSnapshot held = (await PeekAsync("a"))!;
        (held.State, held.Token, held.NodeId, held.LeaseLeft, held.TimeLeft).ShouldBe((TimerState.InFlight, "token-1", "n7", Lease, TimeSpan.Zero));
        held.Due.ShouldBe(due);
        held.Headers.ShouldBe(headers, ignoreOrder: true);
        (await ClaimIdsAsync("n2")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Events_come_in_order_of_their_times_then_of_the_bytes_of_their_ids()
    {
        await PostAsync(Entry("late", 50), Entry("b", 20), Entry("B", 20), Entry("\u00e9", 20), Entry("a", 20), Entry("\U0001F600", 20), Entry("\uFFFD", 20), Entry("early", 10));
        Clock.Advance(Ms(50));
        (await ClaimIdsAsync()).ShouldBe(["early", "B", "a", "b", "\u00e9", "\uFFFD", "\U0001F600", "late"]);
    }

    [Fact]
    public async Task A_claim_takes_no_more_than_it_asked_for()
    {
        await PostAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"e{i}", i))]);
        Clock.Advance(Ms(10));

        TimerClaim first = await AskAsync(max: 3);
        first.Events.Select(e => e.Id).ShouldBe(["e0", "e1", "e2"]);
        first.AskAgainIn.ShouldBe(TimeSpan.Zero, "more is due");
        (await AskAsync(max: 0)).Events.ShouldBeEmpty();
        (await ClaimIdsAsync(max: 200)).Length.ShouldBe(7);
    }

    [Fact]
    public async Task A_claim_takes_at_most_200()
    {
        await PostAsync([.. Enumerable.Range(0, 200).Select(i => Entry($"a{i}", 0))]);
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"b{i}", 0))]);
        TimerClaim claim = await AskAsync(max: 200, capacity: 1_000);
        claim.Events.Count.ShouldBe(200);
        claim.AskAgainIn.ShouldBe(TimeSpan.Zero);
        (await AskAsync(max: 200, capacity: 800)).Events.Count.ShouldBe(100);
    }

    [Fact]
    public async Task A_claim_takes_at_most_a_mebibyte_of_payload()
    {
        string large = new('x', 400 << 10);
        for (int i = 0; i < 5; i++) await PostAsync($"e{i}", 0, payload: large);

        TimerClaim first = await AskAsync("n1");
        first.Events.Select(e => e.Id).ShouldBe(["e0", "e1"]);
        first.AskAgainIn.ShouldBe(TimeSpan.Zero, "more is due");
        (await ClaimIdsAsync("n1")).ShouldBe(["e2", "e3"]);
        (await ClaimIdsAsync("n1")).ShouldBe(["e4"]);
    }

    [Fact]
    public async Task One_event_always_fits_however_large()
    {
        await PostAsync(Entry("big", 0, payload: new string('x', (1 << 20) + 500_000)));
        await PostAsync(Entry("small", 1));
        Clock.Advance(Ms(1));
        (await ClaimIdsAsync()).ShouldBe(["big"]);
        (await ClaimIdsAsync()).ShouldBe(["small"]);
    }

    [Fact]
    public async Task Small_events_behind_a_large_one_wait_for_their_place()
    {
        await PostAsync("a", 0, payload: new string('x', 600 << 10));
        await PostAsync("b", 0, payload: new string('x', 600 << 10));
        await PostAsync("c", 0);
        (await ClaimIdsAsync()).ShouldBe(["a"]);
        (await ClaimIdsAsync()).ShouldBe(["b", "c"]);
    }

    [Fact]
    public async Task A_claim_repeated_with_its_token_gives_the_same_events_and_nothing_new()
    {
        await PostAsync(Entry("a", 0, maxRetries: 2), Entry("b", 1), Entry("c", 1), Entry("d", 2));
        Clock.Advance(Ms(2));
        TimerClaim first = await AskAsync("n1", "t", max: 3);
        Clock.Advance(Seconds(4));
        await PostAsync("new", 0);
        TimerClaim again = await AskAsync("n1", "t", max: 3);

        again.Events.Select(e => e.Id).ShouldBe(["a", "b", "c"]);
        again.Events.Select(e => (e.Retries, e.MaxRetries, e.Due)).ShouldBe(first.Events.Select(e => (e.Retries, e.MaxRetries, e.Due)));
        again.Events.Select(e => e.Payload.ToArray()).ShouldBe(first.Events.Select(e => e.Payload.ToArray()));
        (await PeekAsync("a"))!.LeaseLeft.ShouldBe(Lease, "the lease is renewed");
        (await ConfirmAsync(new DeliveryKey("b", "t"))).ShouldBe(TimerOutcome.Done);
        (await ClaimIdsAsync()).ShouldBe(["d", "new"]);
    }

    [Fact]
    public async Task A_repeated_claim_gives_only_what_is_still_its_own()
    {
        await PostAsync(Entry("a", 0), Entry("b", 1), Entry("c", 2), Entry("d", 3));
        Clock.Advance(Ms(3));
        await AskAsync("n1", "t");
        await ConfirmAsync(new DeliveryKey("a", "t"));
        await PostAsync("b", 0);
        await CancelAsync("c", revoke: true);

        (await AskAsync("n1", "t")).Events.Select(e => e.Id).ShouldBe(["d"]);
        (await StateAsync("b")).ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task A_repeated_claim_of_a_node_that_was_silent_for_hours_gets_its_events_again()
    {
        await AskAsync("n1", "t");
        Clock.Advance(TimeSpan.FromHours(39));
        await PostAsync("a", 0);

        (await AskAsync("n1", "u")).Events.Select(e => e.Id).ShouldBe(["a"]);
        (await AskAsync("n1", "u")).Events.Select(e => e.Id).ShouldBe(["a"], "cleaning the list of nodes does not touch the node that asks");
    }

    [Fact]
    public async Task A_repeated_claim_that_got_nothing_gets_nothing()
    {
        (await AskAsync("n1", "t")).Events.ShouldBeEmpty();
        await PostAsync("a", 0);
        (await AskAsync("n1", "t")).Events.ShouldBeEmpty();
        (await AskAsync("n1", "u")).Events.Select(e => e.Id).ShouldBe(["a"]);
    }

    [Theory]
    [InlineData(0, 1_000)]
    [InlineData(0, 1_001)]
    [InlineData(0, 999)]
    [InlineData(1, 1_000)]
    [InlineData(999, 1)]
    [InlineData(400, 700)]
    [InlineData(1, 0)]
    public async Task Nothing_is_early_not_even_by_a_microsecond(int startMicroseconds, int delayMicroseconds)
    {
        Clock.Advance(TimeSpan.FromMicroseconds(startMicroseconds));
        await PostAsync(Entry("a", Due.In(TimeSpan.FromMicroseconds(delayMicroseconds))));
        int waited = 0;
        while ((await AskAsync(max: 1)).Events.Count == 0)
        {
            waited.ShouldBeLessThan(delayMicroseconds + 1_100, "due times are rounded up to whole milliseconds, not further");
            Clock.Advance(TimeSpan.FromMicroseconds(50));
            waited += 50;
        }

        waited.ShouldBeGreaterThanOrEqualTo(delayMicroseconds);
    }

    [Fact]
    public async Task An_absolute_time_between_milliseconds_is_not_early()
    {
        DateTimeOffset at = Clock.GetUtcNow() + TimeSpan.FromMicroseconds(2_300);
        await PostAsync(Entry("a", Due.At(at)));
        Clock.Advance(TimeSpan.FromMicroseconds(2_299));
        (await AskAsync()).Events.ShouldBeEmpty();
        Clock.Advance(TimeSpan.FromMicroseconds(701));
        (await AskAsync()).Events.Single().Due.ShouldBeGreaterThanOrEqualTo(at);
    }

    [Fact]
    public async Task Lateness_is_never_negative_and_counts_from_the_due_time()
    {
        await PostAsync("a", 10);
        Clock.Advance(Ms(10));
        (await AskAsync("n1", "t")).Events.Single().Lateness.ShouldBe(TimeSpan.Zero);
        await ReleaseAsync(new DeliveryKey("a", "t"));
        Clock.Advance(Seconds(2));
        (await AskAsync()).Events.Single().Lateness.ShouldBe(Seconds(2));
    }

    [Fact]
    public async Task Two_nodes_share_without_overlap()
    {
        await PostAsync([.. Enumerable.Range(0, 20).Select(i => Entry($"e{i:D2}", i))]);
        Clock.Advance(Ms(20));
        string[] first = await ClaimIdsAsync("n1", max: 8);
        string[] second = await ClaimIdsAsync("n2", max: 8);
        first.Concat(second).ShouldBe(Enumerable.Range(0, 16).Select(i => $"e{i:D2}"));
    }

    [Fact]
    public async Task In_a_backlog_old_and_fresh_events_are_taken_in_turn()
    {
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"old{i:D2}", i))]);
        Clock.Advance(Seconds(2));
        await PostAsync(Entry("fresh1", 0), Entry("fresh2", 0));

        string[] first = await ClaimIdsAsync(max: 4);
        first.ShouldBe(["old00", "old01", "fresh1", "fresh2"]);
        string[] rest = await ClaimIdsAsync(max: 200);
        rest.ShouldBe(Enumerable.Range(2, 98).Select(i => $"old{i:D2}"), "all that is due, in order");
    }

    [Fact]
    public async Task In_a_backlog_claims_of_one_starve_neither_the_old_nor_the_fresh()
    {
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"old{i:D2}", 0))]);
        Clock.Advance(Seconds(2));
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"fresh{i:D2}", 0))]);

        var ids = new List<string>();
        for (int i = 0; i < 80; i++) ids.AddRange(await ClaimIdsAsync(max: 1));
        ids.Count(id => id.StartsWith("old", StringComparison.Ordinal)).ShouldBeInRange(5, 75);
    }

    [Fact]
    public async Task A_claim_ends_before_the_first_event_that_is_one_too_many_of_those_with_no_retry_left()
    {
        await PostAsync(Entry("a", 0, maxRetries: 1), Entry("b", 1), Entry("c", 2, maxRetries: 1), Entry("d", 3), Entry("e", 4, maxRetries: 1));
        Clock.Advance(Ms(10));
        string token = NewToken();
        TimerClaim claim = await AskCutAsync("n1", token, 1);
        (string.Concat(claim.Events.Select(e => e.Id)), claim.IsCut).ShouldBe(("abc", true));
        claim.AskAgainIn.ShouldBeGreaterThan(TimeSpan.Zero, "it counts as full");
        (await Timers.GetNodesAsync(Partition, CancellationToken.None)).Single().State.ShouldBe(TimerNodeState.Full);
        (await AskCutAsync("n1", token, 1)).ShouldSatisfyAllConditions(again => again.Events.Count.ShouldBe(3), again => again.IsCut.ShouldBeFalse());

        claim = await AskCutAsync("n1", NewToken(), 0);
        (claim.Events.Count, claim.IsCut).ShouldBe((0, true));
        (await StateAsync("d")).ShouldBe(TimerState.Scheduled);
        claim = await AskCutAsync("n2", NewToken(), 1);
        (string.Concat(claim.Events.Select(e => e.Id)), claim.IsCut).ShouldBe(("de", false));
    }

    [Fact]
    public async Task An_event_has_no_retry_left_when_all_are_spent()
    {
        await PostAsync("a", 0, maxRetries: 1);
        (await AskCutAsync("n1", "claim-x", 0)).Events.Count.ShouldBe(1);
        (await FailAsync(new DeliveryKey("a", "claim-x"), TimeSpan.Zero)).ShouldBe(TimerOutcome.Done);
        (await AskCutAsync("n1", NewToken(), 0)).ShouldSatisfyAllConditions(claim => claim.Events.ShouldBeEmpty(), claim => claim.IsCut.ShouldBeTrue());
        (await AskCutAsync("n1", NewToken(), 1)).Events.Single().Retries.ShouldBe(1);
    }

    [Fact]
    public async Task In_a_backlog_too_a_claim_ends_before_the_first_that_is_one_too_many_of_those_with_no_retry_left()
    {
        for (int i = 0; i < 6; i++) await PostAsync($"{i}", 0, maxRetries: i == 5 ? 0 : 1);
        Clock.Advance(Seconds(1));
        string[] taken = [.. (await AskCutAsync("n1", NewToken(), 0)).Events.Select(e => e.Id)];
        taken.ShouldNotContain("5");
        taken.Length.ShouldBeLessThanOrEqualTo(1, "from both ends in turn, beginning with either");
        (await AskCutAsync("n1", NewToken(), 1)).ShouldSatisfyAllConditions(
            claim => claim.Events.Select(e => e.Id).ShouldContain("5"), claim => (claim.Events.Count + taken.Length).ShouldBe(6), claim => claim.IsCut.ShouldBeFalse());
    }

    private Task<TimerClaim> AskCutAsync(string node, string token, int lastAttempts) => Timers.ClaimAsync(
        Partition, new ClaimRequest(node, token, 100, 200, 0, Lease, KeepDeadLetters) { MaxLastAttempts = lastAttempts }, CancellationToken.None);
}
