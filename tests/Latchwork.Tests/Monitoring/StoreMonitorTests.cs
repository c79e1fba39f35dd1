using Latchwork.Monitoring;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Monitoring;

/// <summary>What is shown of a store, and how little is read for it.</summary>
public sealed class StoreMonitorTests : IAsyncDisposable
{
    private readonly ManualTimeProvider _time = new(new DateTimeOffset(2026, 11, 28, 12, 0, 0, TimeSpan.Zero));
    private readonly CountedStore _store;
    private readonly StoreMonitor _monitor;

    public StoreMonitorTests()
    {
        _store = new CountedStore(new InMemoryStore(_time));
        _monitor = new StoreMonitor(_store, ["locker"], _time);
    }

    public async ValueTask DisposeAsync()
    {
        await _monitor.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Namespaces_most_in_trouble_come_first()
    {
        await PostAsync("a-fine-one");
        await PostAsync("overdue");
        await PostAsync("paused");
        await using (DistributedTimer paused = Timer("paused")) await paused.PauseAsync("migration", "ops");
        await PostAsync("late", TimeSpan.FromMinutes(10));
        _time.Advance(TimeSpan.FromMinutes(2)); // "overdue" and "a-fine-one" are due by now
        await using (DistributedTimer fine = Timer("a-fine-one")) await fine.CancelAsync("1");

        OverviewPage page = await OverviewAsync();
        page.Rows.Select(row => row.Namespace).ShouldBe(["overdue", "late", "paused", "a-fine-one"]);
        page.Rows[0].Problems.ShouldBe(NamespaceProblems.Overdue | NamespaceProblems.NoListener);
        page.Rows[0].Severity.ShouldBe(Severity.Critical);
        page.Rows[1].Describe().ShouldBe(["no listener"]);
        page.Rows[2].Severity.ShouldBe(Severity.Notice);
        page.Rows[2].Stats!.Pause!.Reason.ShouldBe("migration");
        page.Rows[3].Severity.ShouldBe(Severity.Fine);
        page.Totals.ShouldBe(new OverviewTotals(4, 0, 1, 1, 3, 0, 0, TimeSpan.FromMinutes(1), 0));
        page.Lockers.ShouldBe([new LockerRow("locker", new LockerStats(0, 0, 0))]);
        page.Store.IsAnswering.ShouldBeTrue();
    }

    [Fact]
    public async Task Dead_letters_that_grow_are_told_from_those_that_stay()
    {
        await PostAsync("orders", TimeSpan.Zero);
        await PostAsync("orders", TimeSpan.Zero, "2");
        await DeadLetterAsync("orders", 2);

        // Also to the first who looks, and as long as one of the last full minutes has them.
        (await OverviewAsync()).Rows[0].DeadLettersGrownBy.ShouldBe(2);
        _time.Advance(TimeSpan.FromMinutes(StoreMonitor.GrowthMinutes));
        NamespaceRow row = (await OverviewAsync()).Rows[0];
        row.Describe().ShouldBe(["dead letters growing"]);

        // Those that were put back are none.
        await using (DistributedTimer timer = Timer("orders")) await timer.DeadLetters.RequeueAsync("2", TimeSpan.FromHours(1));
        _time.Advance(StoreMonitor.MaxAge);
        (await OverviewAsync()).Rows[0].DeadLettersGrownBy.ShouldBe(1);

        _time.Advance(TimeSpan.FromMinutes(1));
        row = (await OverviewAsync()).Rows[0];
        row.DeadLettersGrownBy.ShouldBe(0);
        row.Problems.HasFlag(NamespaceProblems.DeadLetters).ShouldBeTrue();
        row.Problems.HasFlag(NamespaceProblems.DeadLettersGrowing).ShouldBeFalse();
    }

    [Fact]
    public async Task Rates_are_those_of_the_last_full_minute_of_a_namespace_and_of_all()
    {
        foreach (string id in new[] { "1", "2" }) await PostAsync("orders", TimeSpan.Zero, id);
        await DeadLetterAsync("orders", 2);
        await PostAsync("mails", TimeSpan.Zero);
        await DeadLetterAsync("mails");
        (await OverviewAsync()).Rows[0].Rates.ShouldBe(default);

        _time.Advance(TimeSpan.FromMinutes(1));
        OverviewPage page = await OverviewAsync();
        page.Rows.Single(row => row.Namespace == "orders").Rates.ShouldBe(new MinuteRates(2, 0, 2, 2));
        MinuteRates.Of(page.Counters).ShouldBe(new MinuteRates(3, 0, 3, 3));
        page.Counters.Minutes.Sum(minute => minute.Counts.Posted).ShouldBe(3);

        _time.Advance(TimeSpan.FromMinutes(1));
        page = await OverviewAsync();
        MinuteRates.Of(page.Counters).ShouldBe(default);
        page.Counters.Minutes.Sum(minute => minute.Counts.Delivered).ShouldBe(3);
    }

    [Fact]
    public async Task Lockers_are_shown_with_what_they_have_done_and_read_as_often_as_the_list()
    {
        string[] names = [.. Enumerable.Range(0, StoreMonitor.MaxLockers + 1).Select(i => $"reports-{i:00}")];
        await using var monitor = new StoreMonitor(_store, names, _time);
        for (int i = 0; i < names.Length; i++) await CountAsync(names[i], i == 0 ? new LockerStats(7, 2, 1) : new LockerStats(i, 0, 0));
        OverviewPage page = await ReadAsync();
        page.Lockers.Count.ShouldBe(StoreMonitor.MaxLockers + 1);
        page.Lockers[0].ShouldBe(new LockerRow("reports-00", new LockerStats(7, 2, 1)));
        page.Lockers[^2].Stats!.Runs.ShouldBe(StoreMonitor.MaxLockers - 1);
        page.Lockers[^1].Stats.ShouldBeNull("there is a bound on what is read");

        await CountAsync(names[0], new LockerStats(1, 0, 0));
        _time.Advance(StoreMonitor.MaxAge);
        (await ReadAsync()).Lockers[0].Stats!.Runs.ShouldBe(7);
        _time.Advance(StoreMonitor.ListAge);
        (await ReadAsync()).Lockers[0].Stats!.Runs.ShouldBe(8);

        Task<OverviewPage> ReadAsync() => monitor.GetOverviewAsync(new OverviewQuery(), default);

        async Task CountAsync(string ns, LockerStats counts)
        {
            await _store.Locks.OpenAsync(ns, default);
            await _store.Locks.AddCountsAsync(ns, counts, default);
        }
    }

    [Fact]
    public async Task One_look_a_second_is_shared_by_all_who_look_and_nobody_is_read_for_who_does_not()
    {
        await PostAsync("a");
        await PostAsync("b");
        _store.Commands.Clear();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => OverviewAsync()));
        Dictionary<string, int> once = _store.Count();
        once["NamespacesAsync"].ShouldBe(1);
        once["GetStatsAsync"].ShouldBe(2);
        once["GetNodesAsync"].ShouldBe(2);

        _time.Advance(StoreMonitor.MaxAge);
        _store.Commands.Clear();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => OverviewAsync()));
        _store.Count().ShouldBe(new Dictionary<string, int> { ["GetStatsAsync"] = 2, ["GetNodesAsync"] = 2 }, ignoreOrder: true);

        _store.Commands.Clear();
        _time.Advance(TimeSpan.FromHours(1));
        _store.Commands.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_look_at_many_namespaces_reads_the_page_and_a_slice()
    {
        for (int i = 0; i < 1000; i++) await PostAsync($"ns{i:000}");
        OverviewPage page = await OverviewAsync();
        page.Rows.Count.ShouldBe(StoreMonitor.PageSize);
        (page.Matching, page.Pages, page.Totals.NotRead, page.Totals.Scheduled).ShouldBe((1000, 20, 0, 1000));

        _store.Commands.Clear();
        _time.Advance(StoreMonitor.MaxAge);
        await OverviewAsync();
        _store.Commands.Count.ShouldBeLessThanOrEqualTo(2 * (StoreMonitor.PageSize + StoreMonitor.Slice));

        // All come to their turn, so that trouble in one that is not shown is found.
        await PostAsync("ns999", TimeSpan.Zero, "2");
        for (int look = 0; look <= 1000 / StoreMonitor.Slice; look++)
        {
            _time.Advance(StoreMonitor.MaxAge);
            page = await OverviewAsync();
        }

        page.Rows[0].Namespace.ShouldBe("ns999");
        (await OverviewAsync(new OverviewQuery("NS99"))).Rows.Select(row => row.Namespace).ShouldBe(["ns999", .. Enumerable.Range(990, 9).Select(i => $"ns{i}")]);
        (await OverviewAsync(new OverviewQuery(Page: 99))).Page.ShouldBe(20);
        (await OverviewAsync(new OverviewQuery("none such"))).Rows.ShouldBeEmpty();
    }

    [Fact]
    public async Task Who_looks_after_a_pause_sees_what_is_and_not_what_was()
    {
        for (int i = 0; i < 500; i++) await PostAsync($"ns{i:000}", TimeSpan.FromHours(1));
        await OverviewAsync();
        await PostAsync("ns499", TimeSpan.Zero, "2");
        await PostAsync("ns498", TimeSpan.FromHours(1), "2");
        _time.Advance(TimeSpan.FromMinutes(1));
        _store.Commands.Clear();

        OverviewPage page = await OverviewAsync();

        page.Rows[0].Namespace.ShouldBe("ns499", "one look says where the trouble is");
        (page.Totals.Scheduled, page.Totals.NotRead).ShouldBe((502, 0));
        _store.Count()["GetStatsAsync"].ShouldBe(500);

        _store.Commands.Clear();
        _time.Advance(StoreMonitor.MaxAge);
        await OverviewAsync();
        _store.Count()["GetStatsAsync"].ShouldBeLessThanOrEqualTo(StoreMonitor.PageSize + StoreMonitor.Slice, "who goes on looking reads a slice");
    }

    [Fact]
    public async Task A_look_that_ends_halfway_is_continued_by_the_next()
    {
        for (int i = 0; i < 100; i++) await PostAsync($"ns{i:00}");
        _store.OnCommand = () => _time.Advance(TimeSpan.FromMilliseconds(100));
        OverviewPage page = await OverviewAsync();
        page.Store.LastError.ShouldBe("It did not answer within 5 s.");
        page.Totals.NotRead.ShouldBeInRange(1, 99);
        int looks = 1;
        for (; page.Totals.NotRead > 0 && looks < 10; looks++)
        {
            _time.Advance(StoreMonitor.MaxAge);
            page = await OverviewAsync();
        }

        page.Totals.NotRead.ShouldBe(0, $"{looks} looks");
        _store.OnCommand = null;
        _store.Commands.Clear();
        _time.Advance(StoreMonitor.MaxAge);
        (await OverviewAsync()).Store.IsAnswering.ShouldBeTrue();
        _store.Count()["GetStatsAsync"].ShouldBeLessThanOrEqualTo(StoreMonitor.PageSize + StoreMonitor.Slice, "looks that failed were no pause");
    }

    [Fact]
    public async Task Who_looks_seldom_reads_all_of_more_namespaces_than_one_look_reads()
    {
        const int More = 200;
        for (int i = 0; i < StoreMonitor.MaxFirst + More; i++) await PostAsync($"ns{i:0000}");
        (await OverviewAsync()).Totals.NotRead.ShouldBeInRange(More - StoreMonitor.PageSize, More);
        _time.Advance(StoreMonitor.PauseAge);
        (await OverviewAsync()).Totals.NotRead.ShouldBe(0, "those that were never read come first");
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_shown_as_such_with_what_was_read_last()
    {
        await PostAsync("orders");
        await OverviewAsync();
        DateTimeOffset gone = _time.GetUtcNow() + StoreMonitor.MaxAge;
        _time.Advance(StoreMonitor.MaxAge);
        _store.Fault = new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) { IsTransient = true };
        OverviewPage page = await OverviewAsync();
        (page.Store.IsAnswering, page.Store.UnavailableSince, page.Store.LastError).ShouldBe((false, gone, "The server is away."));
        page.Rows[0].Stats!.Scheduled.ShouldBe(1);

        // It is asked once a second, not by everybody; and "since" stays.
        _store.Commands.Clear();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => OverviewAsync()));
        _store.Commands.ShouldBeEmpty();
        _time.Advance(TimeSpan.FromSeconds(30));
        (await _monitor.GetNodesAsync(default)).Store.UnavailableSince.ShouldBe(gone);

        _store.Fault = null;
        _time.Advance(StoreMonitor.MaxAge);
        (await OverviewAsync()).Store.ShouldBe(new StoreState(_store.Description, [], null, null, 0) with { Warnings = (await OverviewAsync()).Store.Warnings });
    }

    [Fact]
    public async Task A_store_that_hangs_holds_nobody_longer_than_the_timeout()
    {
        await PostAsync("orders");
        _store.Hang = new TaskCompletionSource();
        Task<OverviewPage> first = OverviewAsync(), second = OverviewAsync();
        first.IsCompleted.ShouldBeFalse();
        _time.Advance(StoreMonitor.Timeout);
        (await first).Store.LastError.ShouldBe("It did not answer within 5 s.");
        (await second).Store.IsAnswering.ShouldBeFalse();
        _store.Hang.SetResult();
        _store.Hang = null;
        _time.Advance(StoreMonitor.ListAge);
        await _monitor.GetNodesAsync(default); // may still wait for the first read
        _time.Advance(StoreMonitor.MaxAge);
        (await OverviewAsync()).Store.IsAnswering.ShouldBeTrue();
    }

    [Fact]
    public async Task Who_leaves_while_the_store_is_read_makes_nobody_else_see_a_failure()
    {
        await PostAsync("orders");
        _store.Hang = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var leaves = new CancellationTokenSource();
        Task<OverviewPage> first = _monitor.GetOverviewAsync(new OverviewQuery(), leaves.Token);
        await Eventually.HoldsAsync(() => !_store.Commands.IsEmpty, "it is read");
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);

        Task<OverviewPage> second = OverviewAsync();
        second.IsCompleted.ShouldBeFalse("the first read has not ended");
        _store.Hang.SetResult();
        OverviewPage page = await second;
        page.Store.IsAnswering.ShouldBeTrue(page.Store.LastError);
        page.Rows[0].Stats!.Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task What_was_read_before_a_change_is_not_taken_for_young_after_it()
    {
        await PostAsync("orders");
        _store.Hang = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var leaves = new CancellationTokenSource();
        Task<OverviewPage> left = _monitor.GetOverviewAsync(new OverviewQuery(), leaves.Token);
        await Eventually.HoldsAsync(() => !_store.Commands.IsEmpty, "it is read");
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(left);

        Task forgotten = _monitor.ForgetAgeAsync("orders", default);
        forgotten.IsCompleted.ShouldBeFalse("what is being read may be older than the change");
        _store.Hang.SetResult();
        _store.Hang = null;
        await forgotten;
        _store.Commands.Clear();
        await _monitor.GetNamespaceAsync("orders", default);
        _store.Commands.ShouldContain(nameof(ITimerStore.GetStatsAsync));
    }

    [Fact]
    public async Task A_namespace_that_is_refused_does_not_hide_the_others()
    {
        await PostAsync("moved");
        await PostAsync("orders");
        _store.Refused = "moved";
        OverviewPage page = await OverviewAsync();
        page.Store.IsAnswering.ShouldBeTrue();
        page.Rows.Select(row => (row.Namespace, row.Refusal)).ShouldBe([("moved", "moved away"), ("orders", null)]);
        page.Totals.Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task A_namespace_shows_what_comes_due_up_to_a_bound()
    {
        await PostAsync("orders", TimeSpan.FromSeconds(30), "a");
        await PostAsync("orders", TimeSpan.FromMinutes(30), "b");
        await PostAsync("orders", TimeSpan.FromHours(30), "c");
        await using (DistributedTimer timer = Timer("orders"))
        {
            await timer.PostAsync([.. Enumerable.Range(0, StoreMonitor.MaxCounted + 5).Select(i => new TimerPost(default, TimeSpan.FromHours(2), new() { Id = $"many{i}" }))]);
        }

        NamespaceView view = await _monitor.GetNamespaceAsync("orders", default);
        view.Windows.ShouldBe([
            new DueWindow("next minute", 1, false), new DueWindow("next hour", 1, false),
            new DueWindow("next day", StoreMonitor.MaxCounted, true), new DueWindow("later", 1, false)]);
        view.Row!.Stats!.Scheduled.ShouldBe(StoreMonitor.MaxCounted + 8);

        // Made after the list was read: found all the same; and one that there is not, is not made.
        await PostAsync("new");
        (await _monitor.GetNamespaceAsync("new", default)).Row!.Stats!.Scheduled.ShouldBe(1);
        (await _monitor.GetNamespaceAsync("none", default)).Row.ShouldBeNull();
        (await _store.Timers.NamespacesAsync(default)).ShouldNotContain("none");
    }

    [Fact]
    public async Task Nodes_are_gathered_from_all_namespaces()
    {
        await using DistributedTimer a = Timer("a", "node-1"), b = Timer("b", "node-1"), c = Timer("b", "node-2");
        foreach (DistributedTimer timer in (DistributedTimer[])[a, b, c]) await timer.JoinAsync((_, _) => Task.CompletedTask);
        NodesPage nodes = await _monitor.GetNodesAsync(default);
        nodes.Total.ShouldBe(2);
        nodes.Nodes[0].Memberships.Select(one => one.Namespace).ShouldBe(["a", "b"]);
        nodes.Nodes[0].State.ShouldBe(TimerNodeState.Listening);
        (await OverviewAsync()).Totals.Listeners.ShouldBe(2);
    }

    private Task<OverviewPage> OverviewAsync(OverviewQuery? query = null) => _monitor.GetOverviewAsync(query ?? new OverviewQuery(), default);

    private DistributedTimer Timer(string ns, string? node = null) => new(_store, new() { Namespace = ns, NodeId = node, TimeProvider = _time });

    private async Task PostAsync(string ns, TimeSpan? delay = null, string id = "1")
    {
        await using DistributedTimer timer = Timer(ns);
        await timer.PostAsync(new byte[] { 1 }, delay ?? TimeSpan.FromMinutes(1), new() { Id = id, MaxRetries = 0 });
    }

    private async Task DeadLetterAsync(string ns, int count = 1)
    {
        var partition = new TimerPartition(ns, 0);
        var limits = new DeadLetterLimits(TimeSpan.FromDays(30), 100);
        TimerClaim claim = await _store.Timers.ClaimAsync(partition, new ClaimRequest("n", $"{Guid.NewGuid():N}0.0000000000", 10, 10, 0, TimeSpan.FromSeconds(10), limits), default);
        claim.Events.Count.ShouldBe(count);
        foreach (string id in claim.Events.Select(one => one.Id))
        {
            string token = (await _store.Timers.PeekAsync(partition, id, default))!.Token!;
            await _store.Timers.FailAsync(partition, [new TimerFailure(new DeliveryKey(id, token), "n", "no", TimeSpan.Zero, DeadLetterReason.RetriesExhausted)], limits, default);
        }

        await _store.Timers.LeaveAsync(partition, "n", default);
    }
}
