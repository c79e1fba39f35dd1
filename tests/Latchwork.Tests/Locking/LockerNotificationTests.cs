using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>What the engine takes from a notification, and what it does not: everything but the owner's own outcome is a hint.</summary>
public sealed class LockerNotificationTests : LockerTestBase
{
    [Fact]
    public async Task A_waiter_takes_the_outcome_of_the_owner_that_it_was_told_of_and_does_not_ask_again()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromDays(1));
        await using WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = b.RequestAsync("k");
        LockHeld held = await WaitingAsync(stage);
        stage.NotifyNow!(Told(held.FencingToken, held.Nonce));
        (await waiting.WaitAsync(TestTimeout)).Result!.Bytes.ToArray().ShouldBe("told"u8.ToArray());
        await Eventually.HoldsAsync(() => b.OpenFlights == 0, "nobody waits any more");
        stage.Count("request").ShouldBe(2);
    }

    [Theory]
    [InlineData(0, "another", "a nonce that nobody has")]
    [InlineData(-1, "", "an older owner")]
    [InlineData(1, "", "a newer owner")]
    public async Task Whatever_is_not_the_owners_makes_the_waiter_ask_and_nothing_more(int older, string nonce, string what)
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromDays(1));
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> waiting = b.RequestAsync("k");
        LockHeld held = await WaitingAsync(stage);
        stage.NotifyNow!(Told(held.FencingToken + older, nonce.Length > 0 ? nonce : held.Nonce));
        await Eventually.HoldsAsync(() => stage.Count("request") == 3, $"after {what} it asks");
        waiting.IsCompleted.ShouldBeFalse();
        await lease.PublishAsync("true", CancellationToken.None);
        (await waiting.WaitAsync(TestTimeout)).Result!.Read<string>().ShouldBe("true");
    }

    [Fact]
    public async Task Whoever_calls_after_the_owner_was_found_at_work_does_not_get_what_was_told()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromDays(1));
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<RequestResult> first = b.RequestAsync("k");
        LockHeld held = await WaitingAsync(stage);
        Task<RequestResult> second = b.RequestAsync("k");
        await WaitersAsync(b, "k", 2);
        stage.NotifyNow!(Told(held.FencingToken, held.Nonce));
        (await first.WaitAsync(TestTimeout)).Result!.Bytes.ToArray().ShouldBe("told"u8.ToArray());
        await Eventually.HoldsAsync(() => stage.Count("request") == 3, "for the second caller the store is asked");
        second.IsCompleted.ShouldBeFalse();
        await lease.PublishAsync("true", CancellationToken.None);
        (await second.WaitAsync(TestTimeout)).Result!.Read<string>().ShouldBe("true");
    }

    [Fact]
    public async Task Whoever_wants_the_lock_itself_takes_no_outcome()
    {
        (ProcessLocker a, _) = NewNode();
        (ProcessLocker b, StagedLockerStore stage) = NewNode(o => o.FallbackPollInterval = TimeSpan.FromDays(1));
        WorkLease lease = (await a.RequestAsync("k")).Lease!;
        Task<WorkLease> waiting = b.AcquireAsync("k");
        LockHeld held = await WaitingAsync(stage);
        stage.NotifyNow!(Told(held.FencingToken, held.Nonce));
        await Eventually.HoldsAsync(() => stage.Count("request") == 3, "it asks");
        waiting.IsCompleted.ShouldBeFalse();
        await lease.DisposeAsync();
        await using WorkLease next = await waiting.WaitAsync(TestTimeout);
        next.FencingToken.ShouldBeGreaterThan(held.FencingToken);
    }

    private static LockerNotification Told(long fencingToken, string nonce) =>
        new(nonce, new LockerOutcome(fencingToken, LockerOutcomeKind.Value, "told"u8.ToArray(), IsFresh: true, TimeSpan.Zero));

    // It has asked, subscribed, and asked again.
    private static async Task<LockHeld> WaitingAsync(StagedLockerStore stage)
    {
        await Eventually.HoldsAsync(() => stage.OpenSubscriptions == 1 && stage.Replies.Count == 2, "it waits");
        await Task.Yield();
        return stage.Replies.OfType<LockHeld>().First();
    }
}
