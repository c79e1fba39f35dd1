using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>Who owns a key: grants, renewals, releases, takeovers, ceilings.</summary>
public abstract class LockerOwnershipSuite(StoreFixture fixture) : LockerSuite(fixture)
{
    [Fact]
    public async Task The_first_is_granted_and_the_second_is_told_who_holds_it()
    {
        long fencingToken = await TakeAsync("a");
        Clock.Advance(Seconds(2));
        var held = (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        held.ShouldBe(new LockHeld(fencingToken, "node-a", Seconds(3), Seconds(2), "a"));
    }

    [Fact]
    public async Task The_fencing_token_is_the_time_in_microseconds_and_grows_with_every_owner()
    {
        long first = await TakeAsync("a");
        first.ShouldBe((Clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
        await ReleaseAsync(first, "a");
        (await TakeAsync("b")).ShouldBe(first + 1);
    }

    [Fact]
    public async Task A_request_repeated_with_its_nonce_gets_the_same_grant_and_a_new_lease()
    {
        long fencingToken = await TakeAsync("a");
        Clock.Advance(Seconds(4));
        (await AskAsync("a")).ShouldBe(new LockGranted(fencingToken, TakenOver: false));
        Clock.Advance(Seconds(4));
        (await AskAsync("b")).ShouldBeOfType<LockHeld>().LeaseLeft.ShouldBe(Seconds(1));
    }

    [Fact]
    public async Task A_takeover_repeated_with_its_nonce_is_still_a_takeover()
    {
        long first = await TakeAsync("a");
        Clock.Advance(Lease);
        var taken = (await AskAsync("b")).ShouldBeOfType<LockGranted>();
        taken.TakenOver.ShouldBeTrue();
        taken.FencingToken.ShouldBeGreaterThan(first);
        (await AskAsync("b")).ShouldBe(taken);
    }

    [Fact]
    public async Task A_key_is_taken_over_when_its_lease_has_run_out_and_not_before()
    {
        await TakeAsync("a");
        Clock.Advance(Lease - Ms(1));
        (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        Clock.Advance(Ms(1));
        (await AskAsync("b")).ShouldBeOfType<LockGranted>();
        (await AskAsync("c")).ShouldBeOfType<LockHeld>();
    }

    [Fact]
    public async Task Renewal_keeps_a_key()
    {
        long fencingToken = await TakeAsync("a");
        for (int i = 0; i < 5; i++)
        {
            Clock.Advance(Seconds(4));
            (await RenewAsync(fencingToken, "a")).ShouldBeTrue();
            (await AskAsync("b")).ShouldBeOfType<LockHeld>().LeaseLeft.ShouldBe(Lease);
        }
    }

    [Fact]
    public async Task An_expired_lease_that_nobody_took_over_is_still_good()
    {
        long fencingToken = await TakeAsync("a");
        Clock.Advance(Seconds(20));
        (await RenewAsync(fencingToken, "a")).ShouldBeTrue();
        (await AskAsync("b")).ShouldBeOfType<LockHeld>();
        Clock.Advance(Seconds(20));
        (await PublishAsync(fencingToken, "a")).ShouldBe(PublishOutcome.Accepted);
    }

    [Theory]
    [InlineData(1, "a")]
    [InlineData(0, "b")]
    public async Task Nobody_but_the_owner_can_renew_publish_or_release(long more, string nonce)
    {
        long fencingToken = await TakeAsync("a") + more;
        (await RenewAsync(fencingToken, nonce)).ShouldBeFalse();
        (await PublishAsync(fencingToken, nonce)).ShouldBe(PublishOutcome.Superseded);
        (await ReleaseAsync(fencingToken, nonce)).ShouldBeFalse();
        (await AskAsync("c")).ShouldBeOfType<LockHeld>();
        (await GetAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_stale_owner_changes_nothing()
    {
        long old = await TakeAsync("a");
        Clock.Advance(Lease);
        long present = await TakeAsync("b");
        (await RenewAsync(old, "a")).ShouldBeFalse();
        (await ReleaseAsync(old, "a")).ShouldBeFalse();
        (await PublishAsync(old, "a", "stale")).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(old, null, "stale")).ShouldBe(PublishOutcome.Superseded);
        (await PublishAsync(present, "b", "good")).ShouldBe(PublishOutcome.Accepted);
        (await PublishAsync(old, "a", "stale")).ShouldBe(PublishOutcome.Superseded);
        (await GetAsync())!.Data.ToArray().ShouldBe(Bytes("good"));
    }

    [Fact]
    public async Task A_release_frees_the_key_once()
    {
        long fencingToken = await TakeAsync("a");
        (await ReleaseAsync(fencingToken, "a")).ShouldBeTrue();
        (await ReleaseAsync(fencingToken, "a")).ShouldBeFalse();
        (await AskAsync("b")).ShouldBe(new LockGranted(fencingToken + 1, TakenOver: false));
    }

    [Fact]
    public async Task Who_never_saw_the_grant_can_release_by_nonce()
    {
        await TakeAsync("a");
        (await ReleaseAsync(null, "b")).ShouldBeFalse();
        (await ReleaseAsync(null, "a")).ShouldBeTrue();
        (await AskAsync("b")).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task No_renewal_goes_beyond_the_ceiling()
    {
        long fencingToken = await TakeAsync("a", lease: Seconds(5), lockTimeout: Seconds(12));
        Clock.Advance(Seconds(4));
        (await RenewAsync(fencingToken, "a")).ShouldBeTrue();
        Clock.Advance(Seconds(4.5));
        (await RenewAsync(fencingToken, "a")).ShouldBeTrue();
        (await AskAsync("b")).ShouldBeOfType<LockHeld>().LeaseLeft.ShouldBe(Seconds(3.5));
        Clock.Advance(Seconds(3.5));
        (await RenewAsync(fencingToken, "a")).ShouldBeFalse();
        (await PublishAsync(fencingToken, "a")).ShouldBe(PublishOutcome.Superseded);
        (await ReleaseAsync(fencingToken, "a")).ShouldBeFalse();
        (await PeekAsync()).ShouldBeNull();
        (await AskAsync("b")).ShouldBeOfType<LockGranted>().TakenOver.ShouldBeFalse();
    }

    [Fact]
    public async Task Keys_and_namespaces_are_independent()
    {
        await TakeAsync("a");
        (await AskAsync("b", key: "other")).ShouldBeOfType<LockGranted>();
        await Locks.OpenAsync(Namespace + "}x", CancellationToken.None);
        var request = new LockerRequest("n", "c", Lease, LockTimeout, null, false);
        (await Locks.RequestAsync(new LockerKey(Namespace + "}x", "k"), request, CancellationToken.None)).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task One_of_many_at_once_is_granted()
    {
        LockerReply[] replies = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => AskAsync($"n{i}"))));
        replies.OfType<LockGranted>().Count().ShouldBe(1);
        replies.OfType<LockHeld>().Count().ShouldBe(199);
    }

    [Theory]
    [InlineData("of another listing")]
    [InlineData("7z")]
    public async Task A_cursor_that_is_none_is_refused_by_name_or_is_a_place_in_the_listing(string cursor)
    {
        await TakeAsync("a", "k");
        Exception? refusal = await Record.ExceptionAsync(() => Locks.ListAsync(Namespace, cursor, 10, CancellationToken.None));
        if (refusal is not null) refusal.ShouldBeOfType<ArgumentException>().ParamName.ShouldBe("cursor");
    }

    [Theory]
    [InlineData("}x")]
    [InlineData("{a}")]
    [InlineData("%7D")]
    [InlineData("a:b:c ☃ \r\n\0")]
    public async Task Any_text_makes_a_key(string key)
    {
        await TakeAsync("a", key);
        (await AskAsync("b", key)).ShouldBeOfType<LockHeld>();
        (await Locks.PeekAsync(Key(key), CancellationToken.None))!.Key.ShouldBe(key);

        var listed = new HashSet<string>();
        string? cursor = null;
        do
        {
            LockerPage page = await Locks.ListAsync(Namespace, cursor, 200, CancellationToken.None);
            listed.UnionWith(page.Items.Select(item => item.Key));
            cursor = page.Cursor;
        }
        while (cursor is not null);
        listed.ShouldBe([key]);
    }
}
