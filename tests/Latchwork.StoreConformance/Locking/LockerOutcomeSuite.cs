using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>What a run leaves behind, and who gets it.</summary>
public abstract class LockerOutcomeSuite(StoreFixture fixture) : LockerSuite(fixture)
{
    [Fact]
    public async Task A_fresh_outcome_is_given_to_whoever_asks()
    {
        long fencingToken = await TakeAsync("a");
        (await PublishAsync(fencingToken, "a", "result")).ShouldBe(PublishOutcome.Accepted);
        Clock.Advance(Seconds(29));
        var outcome = (await AskAsync("b")).ShouldBeOfType<LockerOutcome>();
        outcome.FencingToken.ShouldBe(fencingToken);
        outcome.Kind.ShouldBe(LockerOutcomeKind.Value);
        outcome.Data.ToArray().ShouldBe(Bytes("result"));
        outcome.IsFresh.ShouldBeTrue();
        outcome.Age.ShouldBe(Seconds(29));
        (await GetAsync())!.Data.ToArray().ShouldBe(Bytes("result"));
        Clock.Advance(Seconds(1));
        (await GetAsync()).ShouldBeNull();
        (await AskAsync("b")).ShouldBeOfType<LockGranted>().FencingToken.ShouldBeGreaterThan(fencingToken);
    }

    [Fact]
    public async Task Current_waiters_only_means_no_request_that_begins_later()
    {
        long fencingToken = await TakeAsync("a");
        (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        await PublishAsync(fencingToken, "a", "result", freshFor: 0);
        (await GetAsync()).ShouldBeNull();
        var outcome = (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockerOutcome>();
        outcome.IsFresh.ShouldBeFalse();
        outcome.Data.ToArray().ShouldBe(Bytes("result"));
        (await AskAsync("c")).ShouldBeOfType<LockGranted>();
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockerOutcome>("a waiter still gets it although the key is locked again");
    }

    [Fact]
    public async Task A_waiter_gets_an_outcome_within_the_hand_over_time_and_not_after()
    {
        long fencingToken = await TakeAsync("a");
        await PublishAsync(fencingToken, "a", freshFor: 0);
        Clock.Advance(HandOver - Ms(1));
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockerOutcome>().Age.ShouldBe(HandOver - Ms(1));
        Clock.Advance(Ms(1));
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task A_waiter_gets_a_later_outcome_but_not_an_earlier_one()
    {
        long first = await TakeAsync("a");
        await PublishAsync(first, "a", "one", freshFor: 0);
        long second = await TakeAsync("b");
        (await AskAsync("c", waitingFor: second)).ShouldBeOfType<LockHeld>();
        await PublishAsync(second, "b", "two", freshFor: 0);
        (await AskAsync("c", waitingFor: first)).ShouldBeOfType<LockerOutcome>().Data.ToArray().ShouldBe(Bytes("two"));
        (await AskAsync("c", waitingFor: second + 1)).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task A_result_of_null_an_empty_one_and_a_failure_are_three_things()
    {
        await PublishAsync(await TakeAsync("a"), "a", kind: LockerOutcomeKind.Null, freshFor: 1);
        var outcome = (await GetAsync())!;
        (outcome.Kind, outcome.Data.Length).ShouldBe((LockerOutcomeKind.Null, 0));
        Clock.Advance(Seconds(1));
        await PublishAsync(await TakeAsync("b"), "b", "", freshFor: 1);
        outcome = (await GetAsync())!;
        (outcome.Kind, outcome.Data.Length).ShouldBe((LockerOutcomeKind.Value, 0));
        Clock.Advance(Seconds(1));
        await PublishAsync(await TakeAsync("c"), "c", "broken", freshFor: 1, kind: LockerOutcomeKind.Failure);
        outcome = (await GetAsync())!;
        (outcome.Kind, outcome.Data.Length).ShouldBe((LockerOutcomeKind.Failure, 6));
    }

    [Fact]
    public async Task Bytes_come_back_as_they_were()
    {
        byte[] data = new byte[1 << 20];
        Random.Shared.NextBytes(data);
        long fencingToken = await TakeAsync("a");
        await Locks.PublishAsync(Key(), new LockerPublication(fencingToken, "a", LockerOutcomeKind.Value, data, Seconds(9), HandOver), CancellationToken.None);
        (await GetAsync())!.Data.Span.SequenceEqual(data).ShouldBeTrue();
        ((LockerOutcome)await AskAsync("b")).Data.Span.SequenceEqual(data).ShouldBeTrue();
    }

    [Fact]
    public async Task A_large_outcome_without_a_lifetime_is_handed_over_and_its_publication_is_known_when_it_is_gone()
    {
        string large = new('x', 1 << 20);
        long fencingToken = await TakeAsync("a");
        (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        await PublishAsync(fencingToken, "a", large, freshFor: 0);
        (await GetAsync()).ShouldBeNull();
        long second = await TakeAsync("c");
        Clock.Advance(HandOver - Ms(1));
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockerOutcome>().Data.Length.ShouldBe(1 << 20);
        (await PublishAsync(fencingToken, "a", "again", freshFor: 0)).ShouldBe(PublishOutcome.Accepted);

        Clock.Advance(Ms(1));
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockHeld>();
        (await PublishAsync(fencingToken, "a", "again", freshFor: 0)).ShouldBe(PublishOutcome.Accepted);
        (await PublishAsync(fencingToken, "b", "another", freshFor: 0)).ShouldBe(PublishOutcome.Superseded);
        (await AskAsync("b", waitingFor: fencingToken)).ShouldBeOfType<LockHeld>("a repeated publication brings nothing back");
        (await ReleaseAsync(second, "c")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_large_outcome_and_a_lock_leave_each_other_alone()
    {
        string large = new('x', 1 << 20);
        await PublishAsync(await TakeAsync("a"), "a", large);
        long second = await TakeAsync("b", lockOnly: true);
        (await RenewAsync(second, "b")).ShouldBeTrue();
        var snapshot = (await PeekAsync())!;
        (snapshot.IsLocked, snapshot.FreshFor).ShouldBe((true, Seconds(30)));
        List<KeySnapshot> listed = [];
        for (LockerPage? page = null; page is not { Cursor: null };)
        {
            page = await Locks.ListAsync(Namespace, page?.Cursor, 10, CancellationToken.None);
            listed.AddRange(page.Items);
        }

        listed.ShouldNotBeEmpty();
        listed.ShouldAllBe(one => one.FreshFor == Seconds(30));
        (await AskAsync("c")).ShouldBeOfType<LockerOutcome>().Data.Length.ShouldBe(1 << 20);
        await PublishAsync(second, "b", "small");
        (await GetAsync())!.Data.ToArray().ShouldBe(Bytes("small"));
        await PublishAsync(await TakeAsync("d", lockOnly: true), "d", large);
        (await ForgetAsync()).ShouldBeTrue();
        (await GetAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_publication_frees_the_key_in_the_same_step()
    {
        long fencingToken = await TakeAsync("a");
        await PublishAsync(fencingToken, "a", freshFor: 0);
        (await PeekAsync()).ShouldBeNull();
        (await AskAsync("b")).ShouldBe(new LockGranted(fencingToken + 1, TakenOver: false));
    }

    [Fact]
    public async Task A_publication_repeated_is_accepted_again_and_changes_nothing()
    {
        long fencingToken = await TakeAsync("a");
        await PublishAsync(fencingToken, "a", "one", freshFor: 1);
        (await PublishAsync(fencingToken, "a", "again")).ShouldBe(PublishOutcome.Accepted);
        (await PublishAsync(fencingToken, "b")).ShouldBe(PublishOutcome.Superseded);
        (await GetAsync())!.Data.ToArray().ShouldBe(Bytes("one"));

        Clock.Advance(Seconds(10));
        await TakeAsync("b");
        (await PublishAsync(fencingToken, "a", "again")).ShouldBe(PublishOutcome.Accepted, "it was accepted, though there is an owner again");
        (await AskAsync("c")).ShouldBeOfType<LockHeld>("and that owner was left alone");
    }

    [Fact]
    public async Task A_publication_repeated_when_all_its_times_are_over_is_still_known()
    {
        long fencingToken = await TakeAsync("a", lockTimeout: Seconds(5));
        await PublishAsync(fencingToken, "a", freshFor: 1);
        Clock.Advance(TimeSpan.FromHours(1));
        (await GetAsync()).ShouldBeNull();
        (await PublishAsync(fencingToken, "a", "again")).ShouldBe(PublishOutcome.Accepted);
        (await PublishAsync(fencingToken, "b")).ShouldBe(PublishOutcome.Superseded);
        (await GetAsync()).ShouldBeNull();
        (await TakeAsync("b")).ShouldBeGreaterThan(fencingToken);
    }

    [Fact]
    public async Task Whoever_knows_the_fencing_token_can_publish_from_anywhere()
    {
        long fencingToken = await TakeAsync("a");
        (await PublishAsync(fencingToken - 1, null)).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(fencingToken, null, "from afar")).ShouldBe(PublishOutcome.Accepted);
        (await PublishAsync(fencingToken, null, "from afar")).ShouldBe(PublishOutcome.Accepted);
        (await RenewAsync(fencingToken, "a")).ShouldBeFalse();
        (await GetAsync())!.Data.ToArray().ShouldBe(Bytes("from afar"));
    }

    [Fact]
    public async Task A_release_leaves_the_last_outcome_as_it_is()
    {
        await PublishAsync(await TakeAsync("a"), "a", "result");
        long second = await TakeAsync("b", lockOnly: true);
        (await AskAsync("c")).ShouldBeOfType<LockerOutcome>("a fresh outcome is worth more than a lock");
        (await ReleaseAsync(second, "b")).ShouldBeTrue();
        (await GetAsync())!.Data.ToArray().ShouldBe(Bytes("result"));
    }

    [Fact]
    public async Task Who_wants_the_lock_itself_gets_no_outcome()
    {
        long first = await TakeAsync("a");
        await PublishAsync(first, "a", "result");
        (await AskAsync("b", lockOnly: true, waitingFor: first)).ShouldBeOfType<LockGranted>();
        (await AskAsync("c", lockOnly: true)).ShouldBeOfType<LockHeld>();
    }

    [Fact]
    public async Task An_unknown_key_has_nothing()
    {
        (await GetAsync()).ShouldBeNull();
        (await PeekAsync()).ShouldBeNull();
        (await RenewAsync(1, "a")).ShouldBeFalse();
        (await ReleaseAsync(1, "a")).ShouldBeFalse();
        (await ReleaseAsync(null, "a")).ShouldBeFalse();
        (await PublishAsync(1, "a")).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(0, null)).ShouldBe(PublishOutcome.Superseded);
        (await ForgetAsync()).ShouldBeFalse();
    }
}
