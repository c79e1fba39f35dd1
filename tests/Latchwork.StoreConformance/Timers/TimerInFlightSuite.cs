using Latchwork.Storage;
using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>The listing of what is in flight.</summary>
public abstract class TimerInFlightSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    [Fact]
    public async Task It_says_who_holds_what_since_when_and_for_how_long()
    {
        await PostAsync("a", 0, maxRetries: 2, payload: "data");
        await FailAsync(await TakeAsync("a"), Ms(0), "first");
        Clock.Advance(Ms(1_000));
        DateTimeOffset claimedAt = Clock.GetUtcNow();
        DeliveryKey key = await TakeAsync("a", "n2");
        await PostAsync("scheduled", 60_000);
        Clock.Advance(Ms(1_500));

        TimerSnapshot a = (await InFlightAsync()).Single();
        (a.Id, a.State, a.NodeId, a.Token, a.Retries, a.MaxRetries).ShouldBe(("a", TimerState.InFlight, "n2", key.Token, 1, 2));
        (a.ClaimedAt, a.LeaseLeft, a.HasBegun).ShouldBe((new DateTimeOffset(claimedAt.Ticks / 10_000 * 10_000, TimeSpan.Zero), Lease - Ms(1_500), true));
        a.Payload.ToArray().ShouldBe(Bytes("data"));
        a.Failures.Single().Error.ShouldBe("first");
        (await PeekAsync("a"))!.ClaimedAt.ShouldBe(a.ClaimedAt);
        (await PeekAsync("scheduled"))!.ShouldSatisfyAllConditions(e => e.ClaimedAt.ShouldBeNull(), e => e.HasBegun.ShouldBeNull());

        await ConfirmAsync(key);
        (await InFlightAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_empty_listing_has_no_cursor()
    {
        TimerPage page = await Timers.InFlightAsync(Partition, null, 10, CancellationToken.None);
        page.Items.ShouldBeEmpty();
        page.Cursor.ShouldBeNull();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(200)]
    public async Task Pages_of_leases_that_end_together_are_complete(int limit)
    {
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"e{i:D3}", 0))]);
        (await AskAsync(max: 100)).Events.Count.ShouldBe(100);
        (await InFlightAsync(limit)).Select(e => e.Id).Order(StringComparer.Ordinal).ShouldBe(Enumerable.Range(0, 100).Select(i => $"e{i:D3}"));
    }

    [Fact]
    public async Task Those_come_first_whose_lease_ends_first()
    {
        await PostAsync(Entry("long", 0));
        await TakeAsync("long", lease: Seconds(30));
        await PostAsync(Entry("short", 0));
        await TakeAsync("short", lease: Seconds(5));
        await PostAsync(Entry("middle", 0));
        await TakeAsync("middle", lease: Seconds(10));
        (await InFlightAsync(limit: 1)).Select(e => e.Id).ShouldBe(["short", "middle", "long"]);
    }

    [Fact]
    public async Task What_is_extended_between_pages_is_not_missed_and_what_is_claimed_meanwhile_is_left_out()
    {
        await PostAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"e{i}", 0))]);
        string token = NewToken();
        await AskAsync(token: token);
        int pages = 0;
        List<TimerSnapshot> all = await InFlightAsync(limit: 3, betweenPages: async () =>
        {
            Clock.Advance(Ms(5));
            if (++pages > 3) return;
            for (int i = 0; i < 10; i++) await ExtendAsync(new DeliveryKey($"e{i}", token), Lease);
            await PostAsync($"late{pages}", 0);
            await TakeAsync($"late{pages}");
        });
        pages.ShouldBeGreaterThan(3, "leases that are extended come again");
        all.Select(e => e.Id).Distinct().Order(StringComparer.Ordinal).ShouldBe(Enumerable.Range(0, 10).Select(i => $"e{i}"));
    }

    [Fact]
    public async Task A_page_holds_at_most_a_mebibyte_of_payload()
    {
        for (int i = 0; i < 4; i++)
        {
            await PostAsync($"e{i}", 0, payload: new string('x', 400 << 10));
            await TakeAsync($"e{i}");
            Clock.Advance(Ms(1));
        }

        TimerPage page = await Timers.InFlightAsync(Partition, null, 200, CancellationToken.None);
        page.Items.Count.ShouldBe(2);
        page.Cursor.ShouldNotBeNull();
        (await InFlightAsync()).Select(e => e.Id).ShouldBe(["e0", "e1", "e2", "e3"]);
    }

    [Fact]
    public async Task A_lease_that_ran_out_is_listed_until_somebody_takes_the_event_back()
    {
        await PostAsync("a", 0);
        await TakeAsync("a");
        Clock.Advance(Lease + Ms(1));
        (await InFlightAsync()).Single().LeaseLeft.ShouldBe(TimeSpan.Zero);
        await AskAsync("n2", max: 0);
        (await InFlightAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_occurrence_that_has_not_begun_says_so()
    {
        await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);
        (await InFlightAsync()).Single().HasBegun.ShouldBe(false);
        (await PeekAsync(key.Id))!.HasBegun.ShouldBe(false);
        await AdvanceAsync(RunOf(key, (await RecordAsync()).ShouldNotBeNull(), 1, 2));
        (await InFlightAsync()).Single().HasBegun.ShouldBe(true);
        (await PeekAsync(key.Id))!.HasBegun.ShouldBe(true);
    }

    private async Task<List<TimerSnapshot>> InFlightAsync(int limit = 200, Func<Task>? betweenPages = null)
    {
        var all = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await Timers.InFlightAsync(Partition, cursor, limit, CancellationToken.None);
            page.Items.Count.ShouldBeLessThanOrEqualTo(limit);
            page.Items.ShouldAllBe(e => e.State == TimerState.InFlight);
            all.AddRange(page.Items);
            cursor = page.Cursor;
            if (cursor is not null && betweenPages is not null) await betweenPages();
        }
        while (cursor is not null);

        return all;
    }
}
