using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>
/// How events spread over nodes that listen. Time stands still, so that nothing but the claims and the notifications decides: no node comes
/// because a bound has passed.
/// </summary>
public abstract class EngineSpreadSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override async Task DisposeAsync()
    {
        _end.TrySetResult();
        await base.DisposeAsync();
    }

    [Theory]
    [InlineData(8, 64, 8, 16)]
    [InlineData(4, 64, 8, 24)]
    [InlineData(8, 8, 1, 3)]
    public async Task A_burst_of_long_events_spreads(int nodes, int events, int maxEvents, int mostOfOneNode)
    {
        ManualTimeProvider clock = await StopTimeAsync();
        List<Node> all = await JoinAllAsync(nodes, (_, _) => _end.Task, o => o.MaxEvents = maxEvents);
        await all[0].Timer.PostAsync([.. Enumerable.Range(0, events).Select(_ => new TimerPost(new byte[1], Ms(500)))]);
        clock.Advance(Ms(500));
        await AdvanceUntilAsync(() => all.Exists(node => !node.Got.IsEmpty), Ms(1), "the first claim");
        await AllStartedAsync(all, events);
        all.Max(node => node.Got.Count).ShouldBeLessThanOrEqualTo(mostOfOneNode, Counts(all));
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(3, 0)]
    [InlineData(4, 0)]
    [InlineData(8, 0)]
    [InlineData(2, 20)]
    [InlineData(3, 20)]
    [InlineData(4, 20)]
    [InlineData(5, 20)]
    [InlineData(8, 20)]
    public async Task A_steady_stream_spreads(int nodes, int aheadMs)
    {
        ManualTimeProvider clock = await StopTimeAsync();
        List<Node> all = await JoinAllAsync(nodes, (_, _) => Task.CompletedTask);
        const int Events = 160;
        for (int i = 0; i < Events; i++)
        {
            await all[0].Timer.PostAsync(i, Ms(aheadMs), new() { Id = $"e{i}" });
            clock.Advance(Ms(5));
            await StartedAsync(i + 1 - aheadMs / 5);
        }

        await StartedAsync(Events);
        all.Max(node => node.Got.Count).ShouldBeLessThanOrEqualTo(Events * 2 / nodes, Counts(all));

        // The clock moves on where a notification is under way still.
        Task StartedAsync(int events) => AdvanceUntilAsync(() => all.Sum(node => node.Got.Count) >= events, Ms(1), $"{events} have started");
    }

    [Fact]
    public async Task A_node_holds_no_more_than_its_handlers_can_start()
    {
        await StopTimeAsync();
        List<Node> all = await JoinAllAsync(2, (_, _) => _end.Task, o => (o.MaxConcurrency, o.MaxInFlight, o.MaxEvents) = (4, 64, 64));
        await all[0].Timer.PostAsync([.. Enumerable.Range(0, 64).Select(_ => new TimerPost(new byte[1], TimeSpan.Zero))]);
        await AllStartedAsync(all, 8);
        all.ShouldAllBe(node => node.Got.Count == 4);
        (await all[0].Timer.GetStatsAsync()).InFlight.ShouldBe(8);
        _end.SetResult();
        await AllStartedAsync(all, 64);
        await EmptyAsync(all[0].Timer);
    }

    [Fact]
    public async Task What_waits_behind_a_handler_that_hangs_is_handed_back_unspent_and_runs_elsewhere()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node busy = await JoinAsync((delivery, _) => delivery.Id == "hangs" ? _end.Task : Task.CompletedTask, o => (o.MaxConcurrency, o.MaxEvents) = (1, 64));
        await WarmUpAsync(busy);
        await busy.Timer.PostAsync(
            [.. Enumerable.Range(0, 30).Select(i => new TimerPost(new byte[1], Ms(i), new() { Id = i == 0 ? "hangs" : $"behind{i}", MaxRetries = 1 }))]);
        await AdvanceUntilAsync(async () => await busy.Timer.GetStatsAsync() is { Scheduled: 0, InFlight: 30 }, Ms(1), "all claimed ahead");

        Node idle = await JoinAsync();
        await AdvanceUntilAsync(() => idle.Got.Count == 29, Ms(1), "all others run on the idle node"); // no faster than real notifications come
        idle.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        idle.Got.Max(delivery => delivery.Lateness).ShouldBeLessThan(Ms(1_500));
        busy.Got.Count.ShouldBe(1);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_node_that_handed_back_claims_nothing_ahead_until_a_handler_has_returned()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node busy = await JoinAsync((delivery, _) => delivery.Id == "hangs" ? _end.Task : Task.CompletedTask, o => (o.MaxConcurrency, o.MaxEvents) = (1, 64));
        await WarmUpAsync(busy);
        await busy.Timer.PostAsync([.. Enumerable.Range(0, 10).Select(i => new TimerPost(new byte[1], Ms(i), new() { Id = i == 0 ? "hangs" : $"behind{i}", MaxRetries = 1 }))]);
        await AdvanceUntilAsync(async () => await busy.Timer.GetStatsAsync() is { Scheduled: 0, InFlight: 10 }, Ms(1), "all claimed ahead");
        int handedBack = Faults.Calls(nameof(Faults.ReleaseAsync));
        await AdvanceUntilAsync(() => Faults.Calls(nameof(Faults.ReleaseAsync)) > handedBack, Ms(100), "handed back");
        await Eventually.ReadsAsync(() => busy.Timer.GetStatsAsync(), stats => stats is { Scheduled: 9, InFlight: 1 }, "handed back");
        for (int i = 0; i < 50; i++) clock.Advance(Ms(100));
        (await busy.Timer.GetStatsAsync()).ShouldSatisfyAllConditions(stats => stats.Scheduled.ShouldBe(9), stats => stats.OldestOverdue!.Value.ShouldBeGreaterThan(Seconds(5)));

        _end.SetResult();
        await AdvanceUntilAsync(() => busy.Got.Count == 10, Ms(100), "the rest");
        await EmptyAsync(busy.Timer);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task What_has_no_retry_left_is_claimed_for_a_free_handler_only_and_is_overtaken_by_nothing(int partitions)
    {
        await StopTimeAsync();
        if (partitions > 1) Faults.Partitions = partitions;
        Node busy = await JoinAsync((delivery, _) => delivery.Id == "hangs" ? _end.Task : Task.CompletedTask, o => (o.MaxConcurrency, o.MaxEvents) = (1, 64));
        for (int i = 0; i < 8; i++) await busy.Timer.PostAsync(i, TimeSpan.Zero, new() { Id = $"{Node.WarmUp}{i}" });
        await AdvanceUntilAsync(async () => await busy.Timer.GetStatsAsync() is { Scheduled: 0, InFlight: 0 }, Ms(100), "from now on it claims ahead"); // a store of one partition notifies of that one
        await busy.Timer.PostAsync(new byte[1], TimeSpan.Zero, new() { Id = "hangs" });
        await AdvanceUntilAsync(() => busy.Got.Count == 1, Ms(100), "the handler is busy");
        await busy.Timer.PostAsync([.. Enumerable.Range(0, 30).Select(i => new TimerPost(new byte[1], TimeSpan.Zero, new() { Id = $"last{i}", MaxRetries = 0 }))]);
        for (int i = 0; i < 30; i++) await AdvanceAsync(Ms(100)); // beyond every poll slot
        (await busy.Timer.GetStatsAsync()).ShouldSatisfyAllConditions(stats => stats.InFlight.ShouldBe(1), stats => stats.Scheduled.ShouldBe(30));

        _end.SetResult();
        await AdvanceUntilAsync(() => busy.Got.Count == 31, Ms(100), "they run when the handler is free");
        await AdvanceUntilAsync(async () => await busy.Timer.GetStatsAsync() is { Scheduled: 0, InFlight: 0 }, Ms(100), "nothing left");
    }

    [Fact]
    public async Task What_has_no_retry_left_is_not_kept_waiting_by_what_is_claimed_ahead()
    {
        await StopTimeAsync();
        Node busy = await JoinAsync(configure: o => (o.MaxConcurrency, o.MaxEvents) = (1, 64));
        await WarmUpAsync(busy);
        TimerPost[] mixed = [.. Enumerable.Range(0, 400).Select(i => new TimerPost(new byte[1], TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = i % 8 == 0 ? 0 : 3 }))];
        await busy.Timer.PostAsync(mixed);
        await AdvanceUntilAsync(() => busy.Got.Count == 400, Ms(1), "all of them");
        busy.Ids.Distinct().Count().ShouldBe(400);
        busy.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        await EmptyAsync(busy.Timer);
    }

    [Fact]
    public async Task A_partition_that_does_not_answer_keeps_no_other_from_the_handler_that_it_waited_for()
    {
        await StopTimeAsync();
        Faults.Partitions = 2;
        string last = IdsIn(0, 2).First();
        string[] others = [.. IdsIn(1, 2).Take(61)];
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isPosted = false;
        bool isCut = false;
        int unanswered = 0;
        Faults.AfterClaim = (partition, claim) =>
        {
            if (partition.Index != 0) return Task.CompletedTask;
            if (Volatile.Read(ref isCut))
            {
                Interlocked.Increment(ref unanswered);
                return answer.Task;
            }

            Volatile.Write(ref isCut, claim.IsCut && Volatile.Read(ref isPosted));
            return Task.CompletedTask;
        };
        Node node = await JoinAsync((delivery, _) => delivery.Id == others[0] ? _end.Task : Task.CompletedTask, o => o.MaxConcurrency = 1);
        for (int i = 0; i < 8; i++) await node.Timer.PostAsync(i, TimeSpan.Zero, new() { Id = $"{Node.WarmUp}{i}" });
        await AdvanceUntilAsync(async () => await node.Timer.GetStatsAsync() is { Scheduled: 0, InFlight: 0 }, Ms(100), "from now on it claims ahead");
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = others[0] });
        await AdvanceUntilAsync(() => node.Got.Count == 1, Ms(100), "the handler is busy");
        Volatile.Write(ref isPosted, true);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = last });
        await AdvanceUntilAsync(() => Volatile.Read(ref unanswered) == 1, Ms(100), "it waits for the handler, and its partition does not answer the next claim");

        int claims = Faults.Claims.Count;
        _end.SetResult();
        await node.Timer.PostAsync([.. others.Skip(1).Select(id => new TimerPost(new byte[1], TimeSpan.Zero, new() { Id = id, MaxRetries = 3 }))]);
        await AdvanceUntilAsync(() => node.Got.Count == others.Length, Ms(10), "the other partition's run");
        Faults.Claims.Skip(claims).ShouldContain(claim => claim.Max > 1, "and are claimed ahead");

        answer.SetResult();
        await AdvanceUntilAsync(() => node.Got.Count == others.Length + 1, Ms(100), "the one that waited");
        node.Got.Last().Id.ShouldBe(last);
    }

    [Fact]
    public async Task What_a_node_that_dies_had_claimed_ahead_is_not_dead()
    {
        await StopTimeAsync();
        Node dies = await JoinAsync((delivery, _) => delivery.Id == "hangs" ? _end.Task : Task.CompletedTask, o => (o.MaxConcurrency, o.MaxEvents) = (1, 64));
        await WarmUpAsync(dies);
        await dies.Timer.PostAsync([.. Enumerable.Range(0, 20).Select(i => new TimerPost(new byte[1], Ms(i), new() { Id = i == 0 ? "hangs" : $"{i}", MaxRetries = i % 2 }))]);
        await AdvanceUntilAsync(() => dies.Got.Count == 1, Ms(1), "the first");
        for (int i = 0; i < 20; i++) await AdvanceAsync(Ms(1));
        dies.Timer.Abandon();

        Node next = await JoinAsync();
        await AdvanceUntilAsync(() => next.Got.Count == 19, Seconds(10), "all but the one that was its only attempt");
        await AdvanceUntilAsync(async () => (await next.Timer.GetStatsAsync()).DeadLetters == 1, Seconds(10), "that one");
        (await next.Timer.PeekAsync("hangs"))!.DeadLetterReason.ShouldBe(DeadLetterReason.LeaseExpired);
    }

    private static string Counts(List<Node> nodes) => string.Join(", ", nodes.Select(node => node.Got.Count));

    private async Task<List<Node>> JoinAllAsync(int nodes, Func<TimerDelivery, CancellationToken, Task> handler, Action<TimerOptions>? configure = null)
    {
        var all = new List<Node>();
        for (int i = 0; i < nodes; i++) all.Add(await JoinAsync(handler, configure));
        return all;
    }

    private static Task AllStartedAsync(List<Node> nodes, int events) =>
        Eventually.HoldsAsync(() => nodes.Sum(node => node.Got.Count) >= events, $"{events} have started");
}
