using Latchwork.Storage;
using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>The history: what confirmations keep of the events that they end.</summary>
public abstract class TimerCompletedSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    [Fact]
    public async Task It_says_when_an_event_was_due_claimed_and_confirmed_by_which_node_and_after_how_many_retries()
    {
        await PostAsync("a", 500, maxRetries: 3, payload: "data");
        Clock.Advance(Ms(600));
        await FailAsync(await TakeAsync("a"), Ms(200), "first");
        DateTimeOffset due = (await PeekAsync("a"))!.Due;
        Clock.Advance(Ms(300));
        DateTimeOffset claimedAt = Clock.GetUtcNow();
        DeliveryKey key = await TakeAsync("a", "n2");
        Clock.Advance(Ms(1_500));
        DateTimeOffset completedAt = Clock.GetUtcNow();
        (await ConfirmAsync(key, KeepCompleted)).ShouldBe(TimerOutcome.Done);

        TimerSnapshot a = (await CompletedAsync()).ShouldHaveSingleItem();
        (a.Id, a.State, a.NodeId, a.Retries, a.MaxRetries, a.Outcome).ShouldBe(("a", TimerState.Completed, "n2", 1, 3, CompletedOutcome.Succeeded));
        (a.Due, a.ClaimedAt, a.CompletedAt).ShouldBe((due, Whole(claimedAt), Whole(completedAt)));
        (a.TimeLeft, a.LeaseLeft, a.Token, a.HasBegun, a.DeadLetterReason, a.IsDamaged).ShouldBe((TimeSpan.Zero, null, null, null, null, false));
        (a.Payload.Length, a.Headers.Count, a.Failures.Count).ShouldBe((0, 0, 0), "no payload is kept");
        Alike((await PeekAsync("a")).ShouldNotBeNull(), a);
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
    }

    [Fact]
    public async Task With_a_retention_of_zero_nothing_is_written_and_nothing_goes()
    {
        await CompleteAsync("kept");
        await CompleteAsync("a", CompletedLimits.None);
        Clock.Advance(TimeSpan.FromDays(400));
        await CompleteAsync("b", CompletedLimits.None);
        await AskAsync();
        (await PeekAsync("a")).ShouldBeNull();
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["kept"]);
    }

    [Fact]
    public async Task What_is_too_many_goes_although_the_clock_was_put_back_the_lines_of_a_time_to_come_first_and_then_the_oldest()
    {
        var three = new CompletedLimits(TimeSpan.FromDays(1), 3);
        await CompleteAsync("to come");
        await AskAsync(keepCompleted: KeepCompleted);
        Clock.Shift(TimeSpan.FromHours(-2));
        await AskAsync(keepCompleted: three);
        Clock.Advance(Ms(3_000));
        await CompleteAsync("b", three);
        await CompleteAsync("c", three);
        await AskAsync(keepCompleted: KeepCompleted);
        Clock.Advance(Ms(8_000));
        await CompleteAsync("d", three);
        await CompleteAsync("e", three);
        (await CompletedAsync()).Select(e => e.Id).Order(StringComparer.Ordinal).ShouldBe(["c", "d", "e"]);
    }

    [Fact]
    public async Task Only_what_was_confirmed_is_there()
    {
        await KillAsync("dead");
        await PostAsync("cancelled", 0);
        await CancelAsync("cancelled");
        await PostAsync("a", 0);
        DeliveryKey key = await TakeAsync("a");
        (await ConfirmAsync(key with { Token = "wrong" }, KeepCompleted)).ShouldBe(TimerOutcome.Stale);
        (await ConfirmAsync(new DeliveryKey("none", "t"), KeepCompleted)).ShouldBe(TimerOutcome.NotFound);
        await ReleaseAsync(key);
        (await CompletedAsync()).ShouldBeEmpty();
        (await PeekAsync("none")).ShouldBeNull();

        key = await TakeAsync("a");
        Clock.Advance(Lease + Ms(1));
        (await ConfirmAsync(key, KeepCompleted)).ShouldBe(TimerOutcome.Done, "an expired lease that nobody took over is still good");
        (await ConfirmAsync(key, KeepCompleted)).ShouldBe(TimerOutcome.NotFound);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["a"]);
    }

    [Fact]
    public async Task A_post_of_the_id_replaces_what_peek_shows_and_the_next_completion_the_line()
    {
        await CompleteAsync("a", node: "n1");
        await CompleteAsync("b");
        await PostAsync("a", 1_000);
        (await StateAsync("a")).ShouldBe(TimerState.Scheduled);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["b", "a"], "what was, was");
        Clock.Advance(Ms(1_000));
        DeliveryKey key = await TakeAsync("a", "n2");
        (await StateAsync("a")).ShouldBe(TimerState.InFlight);
        await ConfirmAsync(key, KeepCompleted with { Outcome = CompletedOutcome.Delivered });

        List<TimerSnapshot> all = await CompletedAsync();
        all.Select(e => e.Id).ShouldBe(["a", "b"]);
        (all[0].NodeId, all[0].Outcome).ShouldBe(("n2", CompletedOutcome.Delivered));
        await PostAsync("a", 1_000);
        await CancelAsync("a");
        (await StateAsync("a")).ShouldBe(TimerState.Completed, "it was completed, and what came after it is gone");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(200)]
    public async Task Pages_are_complete_the_last_first_also_of_what_was_completed_together(int limit)
    {
        string[] ids = [.. Enumerable.Range(0, 100).Select(i => $"e{i:D3}")];
        foreach (string[] some in ids.Chunk(30))
        {
            await PostAsync([.. some.Select(id => Entry(id, 0))]);
            string token = NewToken();
            await AskAsync(token: token);
            (await Timers.ConfirmAsync(Partition, [.. some.Select(id => new DeliveryKey(id, token))], KeepCompleted, CancellationToken.None)).ShouldAllBe(outcome => outcome == TimerOutcome.Done);
            Clock.Advance(Ms(10));
        }

        (await CompletedAsync(limit)).Select(e => e.Id).ShouldBe(ids.Reverse());
        TimerPage none = await Timers.CompletedAsync(new TimerPartition($"other-{Guid.NewGuid():N}", 0), null, 10, CancellationToken.None);
        (none.Items.Count, none.Cursor).ShouldBe((0, null));
    }

    [Fact]
    public async Task No_id_comes_twice_whatever_is_completed_while_pages_are_read()
    {
        for (int i = 0; i < 10; i++) await CompleteAsync($"e{i}");
        int pages = 0;
        List<TimerSnapshot> all = await CompletedAsync(limit: 3, betweenPages: async () =>
        {
            await CompleteAsync($"new{++pages}");
            await CompleteAsync("e0");
            await CompleteAsync("e9"); // listed already
            await CompleteAsync($"e{7 - 3 * (pages - 1)}"); // the one of the cursor
        });
        pages.ShouldBeGreaterThan(1);
        all.Select(e => e.Id).ShouldBeUnique();
        all.Select(e => e.CompletedAt).ShouldBe(all.Select(e => e.CompletedAt).OrderDescending());
        foreach (string stays in (string[])["e8", "e6", "e5", "e3", "e2"]) all.Select(e => e.Id).ShouldContain(stays);
    }

    [Fact]
    public async Task The_oldest_go_when_there_are_too_many()
    {
        CompletedLimits few = KeepCompleted with { MaxCount = 5 };
        for (int i = 0; i < 8; i++) await CompleteAsync($"e{i}", few);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["e7", "e6", "e5", "e4", "e3"]);
        (await PeekAsync("e2")).ShouldBeNull();
        await CompleteAsync("e3", few);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["e3", "e7", "e6", "e5", "e4"], "one that is completed again is not one more");
    }

    [Fact]
    public async Task What_is_too_old_goes_with_a_confirmation_or_a_claim_for_events()
    {
        CompletedLimits hour = KeepCompleted with { Retention = TimeSpan.FromHours(1) };
        await CompleteAsync("a", hour);
        Clock.Advance(TimeSpan.FromMinutes(30));
        await CompleteAsync("b", hour);
        Clock.Advance(TimeSpan.FromMinutes(30));
        await CompleteAsync("c", hour);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["c", "b"]);

        Clock.Advance(TimeSpan.FromMinutes(45));
        await AskAsync(max: 0, keepCompleted: hour);
        await AskAsync();
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["c", "b"], "who only looks, or keeps nothing, lets nothing go");
        await AskAsync(keepCompleted: hour);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["c"]);
    }

    [Fact]
    public async Task A_step_lets_at_most_200_lines_go()
    {
        for (int i = 0; i < 3; i++)
        {
            string[] ids = [.. Enumerable.Range(0, 200).Select(n => $"{i}-{n:D3}")];
            await PostAsync([.. ids.Select(id => Entry(id, 0))]);
            string token = NewToken();
            await AskAsync(token: token);
            await Timers.ConfirmAsync(Partition, [.. ids.Select(id => new DeliveryKey(id, token))], KeepCompleted, CancellationToken.None);
            Clock.Advance(Ms(10));
        }

        CompletedLimits few = KeepCompleted with { MaxCount = 10 };
        await CompleteAsync("last", few);
        (await CompletedAsync()).Count.ShouldBe(401);
        await AskAsync(keepCompleted: few);
        (await CompletedAsync()).Count.ShouldBe(201);
        await AskAsync(keepCompleted: few);
        (await CompletedAsync()).Select(e => e.Id).ShouldBe(["last", .. Enumerable.Range(191, 9).Reverse().Select(n => $"2-{n:D3}")]);
    }

    [Theory]
    [InlineData("\U0001F600 }x \u00e9 %2F")]
    [InlineData("a 1 2")]
    [InlineData("long")]
    public async Task Any_text_can_be_an_id_and_a_node(string text)
    {
        if (text == "long") text = new string('x', Limits.MaxIdBytes);
        await CompleteAsync(text, node: text);
        TimerSnapshot line = (await CompletedAsync()).ShouldHaveSingleItem();
        (line.Id, line.NodeId, line.Outcome).ShouldBe((text, text, CompletedOutcome.Succeeded));
        Alike((await PeekAsync(text)).ShouldNotBeNull(), line);
    }

    [Fact]
    public async Task An_occurrence_of_a_schedule_has_its_line()
    {
        await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);
        await AdvanceAsync(RunOf(key, (await RecordAsync()).ShouldNotBeNull(), 1, 2));
        (await ConfirmAsync(key, KeepCompleted)).ShouldBe(TimerOutcome.Done);
        (await CompletedAsync()).ShouldHaveSingleItem().Id.ShouldBe(key.Id);
        (await StateAsync(key.Id)).ShouldBe(TimerState.Completed);
    }

    /// <summary>Posts an event that is due, and lets a node claim and confirm it a moment later.</summary>
    private async Task CompleteAsync(string id, CompletedLimits? keep = null, string node = "n1")
    {
        Clock.Advance(Ms(1));
        await PostAsync(id, 0);
        (await ConfirmAsync(await TakeAsync(id, node), keep ?? KeepCompleted)).ShouldBe(TimerOutcome.Done);
    }

    private async Task<List<TimerSnapshot>> CompletedAsync(int limit = 200, Func<Task>? betweenPages = null)
    {
        var all = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await Timers.CompletedAsync(Partition, cursor, limit, CancellationToken.None);
            page.Items.Count.ShouldBeLessThanOrEqualTo(limit);
            page.Items.ShouldAllBe(e => e.State == TimerState.Completed);
            all.AddRange(page.Items);
            cursor = page.Cursor;
            if (cursor is not null && betweenPages is not null) await betweenPages();
        }
        while (cursor is not null);

        return all;
    }

    private static DateTimeOffset Whole(DateTimeOffset time) => new(time.Ticks / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond, TimeSpan.Zero);

    private static void Alike(TimerSnapshot one, TimerSnapshot other) => one.ShouldSatisfyAllConditions(
        e => (e.Id, e.State, e.Due, e.ClaimedAt, e.CompletedAt).ShouldBe((other.Id, other.State, other.Due, other.ClaimedAt, other.CompletedAt)),
        e => (e.NodeId, e.Retries, e.MaxRetries, e.Outcome, e.IsDamaged).ShouldBe((other.NodeId, other.Retries, other.MaxRetries, other.Outcome, other.IsDamaged)));
}
