using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>The listing of scheduled events.</summary>
public abstract class TimerUpcomingSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task By_default_all_that_is_scheduled_is_listed_overdue_included()
    {
        await PostAsync(Entry("overdue", 0), Entry("far", TimeSpan.FromDays(9_000)), Entry("near", 1_000), Entry("held", 0));
        await CancelAsync("overdue");
        await TakeAsync("held");
        await PostAsync("overdue", 0);
        await KillLaterAsync();
        Clock.Advance(Ms(500));

        List<TimerSnapshot> all = await UpcomingAsync();
        all.Select(e => (e.Id, e.State)).ShouldBe([("overdue", TimerState.Scheduled), ("near", TimerState.Scheduled), ("far", TimerState.Scheduled)]);
        all.Select(e => e.TimeLeft).ShouldBe([TimeSpan.Zero, Ms(500), TimeSpan.FromDays(9_000) - Ms(500)]);
    }

    [Fact]
    public async Task An_empty_listing_has_no_cursor()
    {
        TimerPage page = await Timers.UpcomingAsync(Partition, null, null, null, 10, CancellationToken.None);
        page.Items.ShouldBeEmpty();
        page.Cursor.ShouldBeNull();
    }

    [Theory]
    [InlineData(null, null, "a b c d e")]
    [InlineData(null, 250, "a b c")]
    [InlineData(0, null, "b c d e")]
    [InlineData(0, 250, "b c")]
    [InlineData(150, null, "c d e")]
    [InlineData(150, 200, "c d")]
    [InlineData(1_000, null, "")]
    [InlineData(150, 10, "")]
    public async Task The_window_is_counted_from_now(int? offsetMs, int? durationMs, string expected)
    {
        await PostAsync("a", 0);
        Clock.Advance(Ms(50));
        await PostAsync(Entry("b", 100), Entry("c", 200), Entry("d", 300), Entry("e", 400));
        List<TimerSnapshot> all = await UpcomingAsync(offsetMs is null ? null : Ms(offsetMs.Value), durationMs is null ? null : Ms(durationMs.Value), limit: 2);
        string.Join(' ', all.Select(e => e.Id)).ShouldBe(expected);
    }

    [Fact]
    public async Task Windows_that_meet_share_nothing_and_miss_nothing()
    {
        await PostAsync([.. Enumerable.Range(0, 30).Select(i => Entry($"e{i:D2}", i * 10))]);
        var all = new List<string>();
        for (int start = 0; start < 300; start += 100) all.AddRange((await UpcomingAsync(Ms(start), Ms(100))).Select(e => e.Id));
        all.ShouldBe(Enumerable.Range(0, 30).Select(i => $"e{i:D2}"));
    }

    [Fact]
    public async Task Later_pages_keep_the_window_of_the_first()
    {
        await PostAsync([.. Enumerable.Range(0, 40).Select(i => Entry($"e{i:D2}", 100 + i * 10))]);
        List<TimerSnapshot> all = await UpcomingAsync(Ms(0), Ms(300), limit: 3, betweenPages: () =>
        {
            Clock.Advance(Ms(60));
            return Task.CompletedTask;
        });
        all.Select(e => e.Id).ShouldBe(Enumerable.Range(0, 20).Select(i => $"e{i:D2}"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(200)]
    public async Task Ties_in_one_millisecond_are_ordered_by_the_bytes_of_their_ids(int limit)
    {
        string[] ids = [.. Enumerable.Range(0, 40).Select(i => $"e{i * 7919 % 40}"), "", "\u00e9", "\uFFFD", "\U0001F600", "Z", " ", "{}", "a b 1"];
        ids = [.. ids.Where(id => id.Length > 0)];
        foreach (string[] batch in ids.Chunk(10)) await PostAsync([.. batch.Select(id => Entry(id, 1_000))]);
        string[] expected = [.. ids.OrderBy(id => Convert.ToHexString(Bytes(id)), StringComparer.Ordinal)];
        (await UpcomingAsync(limit: limit)).Select(e => e.Id).ShouldBe(expected);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(50)]
    public async Task What_stays_is_listed_exactly_once_while_others_come_and_go(int limit)
    {
        var random = new Random(7);
        string[] stay = [.. Enumerable.Range(0, 150).Select(i => $"stay{i:D3}")];
        string[] go = [.. Enumerable.Range(0, 150).Select(i => $"go{i:D3}")];
        await PostAsync([.. stay.Select(id => Entry(id, 10_000 + random.Next(6)))]);
        await PostAsync([.. go.Select(id => Entry(id, 10_000 + random.Next(6)))]);

        int turn = 0;
        List<TimerSnapshot> all = await UpcomingAsync(limit: limit, betweenPages: async () =>
        {
            for (int i = 0; i < 3; i++)
            {
                string id = go[random.Next(go.Length)];
                if (turn++ % 2 == 0) await CancelAsync(id);
                else await PostAsync(id, 10_000 + random.Next(6));
            }

            await PostAsync($"new{turn:D3}", 10_000 + random.Next(6));
        });
        string[] seen = [.. all.Select(e => e.Id).Where(id => id.StartsWith("stay", StringComparison.Ordinal))];
        seen.Order(StringComparer.Ordinal).ShouldBe(stay);
        all.Select(e => (e.Due, e.Id)).Distinct().Count().ShouldBe(all.Count, "no place is listed twice");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_event_at_the_end_of_a_page_may_vanish(bool byClaim)
    {
        await PostAsync([.. Enumerable.Range(0, 9).Select(i => Entry($"e{i}", 0))]);
        var all = new List<string>();
        string? cursor = null;
        do
        {
            TimerPage page = await Timers.UpcomingAsync(Partition, null, null, cursor, 3, CancellationToken.None);
            all.AddRange(page.Items.Select(e => e.Id));
            cursor = page.Cursor;
            if (byClaim) (await AskAsync(max: 3)).Events.Count.ShouldBe(3);
            else foreach (TimerSnapshot item in page.Items) await CancelAsync(item.Id);
        }
        while (cursor is not null);

        all.ShouldBe(Enumerable.Range(0, 9).Select(i => $"e{i}"));
    }

    [Fact]
    public async Task A_page_holds_at_most_a_mebibyte_of_payload()
    {
        for (int i = 0; i < 5; i++) await PostAsync($"e{i}", i, payload: new string('x', 400 << 10));
        await PostAsync("huge", 10, payload: new string('x', (1 << 20) + 1_000));
        TimerPage first = await Timers.UpcomingAsync(Partition, null, null, null, 200, CancellationToken.None);
        first.Items.Count.ShouldBe(2);
        (await UpcomingAsync()).Select(e => e.Id).ShouldBe(["e0", "e1", "e2", "e3", "e4", "huge"]);
    }

    [Fact]
    public async Task Many_pages_of_many_events_are_complete()
    {
        for (int batch = 0; batch < 10; batch++) await PostAsync([.. Enumerable.Range(0, 200).Select(i => Entry($"{batch}-{i}", i % 3))]);
        List<TimerSnapshot> all = await UpcomingAsync();
        all.Count.ShouldBe(2_000);
        all.Select(e => e.Id).Distinct().Count().ShouldBe(2_000);
        all.Select(e => e.Due).ShouldBeInOrder();
    }

    private async Task KillLaterAsync()
    {
        await PostAsync("dead", 0);
        TimerClaim claim = await AskAsync("n1", "kill");
        claim.Events.Select(e => e.Id).ShouldContain("dead");
        await FailAsync(new DeliveryKey("dead", "kill"), null);
        foreach (ClaimedEvent e in claim.Events.Where(e => e.Id != "dead")) await ReleaseAsync(new DeliveryKey(e.Id, "kill"));
    }
}
