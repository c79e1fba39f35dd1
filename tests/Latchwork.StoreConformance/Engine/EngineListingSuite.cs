using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Batches, listings and dead letters, over one partition and over several.</summary>
public abstract class EngineListingSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    protected static async Task<List<TimerSnapshot>> ReadAsync(IAsyncEnumerable<TimerSnapshot> listing)
    {
        var all = new List<TimerSnapshot>();
        await foreach (TimerSnapshot item in listing) all.Add(item);
        return all;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_batch_of_any_size_is_posted_in_pieces_and_listed_in_order(int partitions)
    {
        if (partitions > 1) Faults.Partitions = partitions;
        DistributedTimer timer = NewTimer();
        DateTimeOffset at = DateTimeOffset.UtcNow.AddHours(1);
        TimerPost[] posts = [.. Enumerable.Range(0, 1000).Select(i => new TimerPost("{}"u8.ToArray(), at.AddSeconds(i * 37 % 1000), new() { Id = $"{i:000}" }))];
        IReadOnlyList<PostResult> results = await timer.PostAsync(posts);
        results.ShouldBe(posts.Select(post => new PostResult(post.Options!.Id!, PostOutcome.Created)));

        List<TimerSnapshot> all = await ReadAsync(timer.UpcomingAsync());
        all.Select(item => item.Id).ShouldBe(posts.OrderBy(post => post.Due.Value).Select(post => post.Options!.Id));
        (await ReadAsync(timer.UpcomingAsync(limit: 450))).Count.ShouldBe(450);
        (await ReadAsync(timer.UpcomingAsync(limit: 0))).ShouldBeEmpty();
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(1000);
        (await timer.CancelAsync("037")).ShouldBe(TimerOutcome.Done);
        (await timer.ChangeDelayAsync("038", TimeSpan.FromDays(1))).ShouldBe(TimerOutcome.Done);
        (await ReadAsync(timer.UpcomingAsync(offset: TimeSpan.FromHours(23)))).Single().Id.ShouldBe("038");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Of_equal_ids_in_a_batch_the_last_one_stands(int partitions)
    {
        if (partitions > 1) Faults.Partitions = partitions;
        DistributedTimer timer = NewTimer();
        TimerPost[] posts = [.. Enumerable.Range(0, 2000).Select(i => new TimerPost(BitConverter.GetBytes(i), Seconds(60), new() { Id = $"{i % 70}" }))];
        IReadOnlyList<PostResult> results = await timer.PostAsync(posts);
        results.Take(70).ShouldAllBe(result => result.Outcome == PostOutcome.Created);
        results.Skip(70).ShouldAllBe(result => result.Outcome == PostOutcome.Replaced);
        foreach (TimerSnapshot item in await ReadAsync(timer.UpcomingAsync()))
        {
            int last = Enumerable.Range(0, 2000).Last(i => $"{i % 70}" == item.Id);
            BitConverter.ToInt32(item.Payload.Span).ShouldBe(last);
        }
    }

    [Fact]
    public async Task Several_partitions_share_the_room_of_a_node()
    {
        Faults.Partitions = 4;
        Node node = await JoinAsync(configure: o => (o.MaxInFlight, o.MaxEvents) = (5, 3));
        await node.Timer.PostAsync([.. Enumerable.Range(0, 300).Select(i => new TimerPost("{}"u8.ToArray(), Ms(i % 7), new() { Id = $"{i}" }))]);
        await EmptyAsync(node.Timer);
        node.Ids.Distinct().Count().ShouldBe(300);
        Faults.Claims.ShouldAllBe(claim => claim.Capacity + claim.Held <= 5);
        (await node.Timer.GetNodesAsync()).Single().NodeId.ShouldBe(node.Timer.NodeId);
    }

    [Fact]
    public async Task Dead_events_are_listed_requeued_and_purged_by_reason_and_age()
    {
        Node node = await JoinAsync(async (delivery, _) =>
        {
            if (delivery.Id.StartsWith('r')) await delivery.DeadLetterAsync("no");
            else throw new TimeoutException("later");
        });
        DistributedTimer timer = node.Timer;
        await timer.PostAsync([.. Enumerable.Range(0, 250).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{(i % 5 == 0 ? 'r' : 'e')}{i}" }))]);
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats.DeadLetters == 250, "all dead");
        await timer.LeaveAsync();

        DeadLetters dead = timer.DeadLetters;
        (await ReadAsync(dead.ListAsync())).Select(item => item.DeadLetteredAt).ShouldBeInOrder();
        (await ReadAsync(dead.ListAsync(DeadLetterReason.Rejected))).Count.ShouldBe(50);
        (await ReadAsync(dead.ListAsync(olderThan: TimeSpan.FromHours(1)))).ShouldBeEmpty();
        (await Eventually.ReadsAsync(async () => (await ReadAsync(dead.ListAsync(olderThan: Ms(1)))).Count, count => count == 250, "all older than 1 ms")).ShouldBe(250);
        (await ReadAsync(dead.ListAsync())).ShouldAllBe(item => item.DeadLetteredFor >= TimeSpan.Zero && item.DeadLetteredFor < TimeSpan.FromHours(1));

        (await dead.RequeueAsync("r0", Seconds(3600))).ShouldBe(TimerOutcome.Done);
        (await dead.RequeueAsync("r0")).ShouldBe(TimerOutcome.NotFound);
        TimerSnapshot again = (await timer.PeekAsync("r0"))!;
        (again.State, again.Retries).ShouldBe((TimerState.Scheduled, 0));
        (await dead.PurgeAsync("r5")).ShouldBe(TimerOutcome.Done);
        (await dead.PurgeAllAsync(DeadLetterReason.Rejected)).ShouldBe(48);
        (await dead.PurgeAllAsync(olderThan: TimeSpan.FromHours(1))).ShouldBe(0);
        (await dead.RequeueAllAsync(due: Seconds(3600))).ShouldBe(200);
        (await timer.GetStatsAsync()).WithoutCounters().ShouldBe(new TimerStats(201, 0, 0, 0, null));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task What_is_in_flight_is_listed_once_while_leases_are_extended(int partitions)
    {
        if (partitions > 1) Faults.Partitions = partitions;
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((_, stop) => end.Task.WaitAsync(stop), options =>
        {
            options.LeaseDuration = Ms(600);
            options.MaxConcurrency = 40;
        });
        await node.Timer.PostAsync([.. Enumerable.Range(0, 40).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" }))]);
        await Eventually.ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.InFlight == 40, "all in flight");

        List<TimerSnapshot> all = await ReadAsync(node.Timer.InFlightAsync());
        all.Select(item => int.Parse(item.Id, System.Globalization.CultureInfo.InvariantCulture)).Order().ShouldBe(Enumerable.Range(0, 40));
        all.ShouldAllBe(item => item.NodeId == node.Timer.NodeId && item.HasBegun == true && item.LeaseLeft > TimeSpan.Zero);
        (await ReadAsync(node.Timer.InFlightAsync(limit: 7))).Count.ShouldBe(7);
        end.SetResult();
        await Eventually.ReadsAsync(() => ReadAsync(node.Timer.InFlightAsync()), left => left.Count == 0, "nothing in flight");
    }

    [Fact]
    public async Task Requeueing_all_ends_even_if_everything_dies_again_at_once()
    {
        Node node = await JoinAsync((delivery, _) => delivery.DeadLetterAsync("no"));
        await node.Timer.PostAsync([.. Enumerable.Range(0, 30).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" }))]);
        await Eventually.ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.DeadLetters == 30, "all dead");
        (await node.Timer.DeadLetters.RequeueAllAsync()).ShouldBeInRange(1, 30);
        await Eventually.ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats.DeadLetters == 30, "all dead again");
    }

    [Fact]
    public async Task A_token_that_is_cancelled_already_asks_for_nothing()
    {
        DistributedTimer timer = NewTimer();
        await timer.PostAsync(1, TimeSpan.FromHours(1), new() { Id = "there" });
        var cancelled = new CancellationToken(canceled: true);
        Func<Task>[] calls =
        [
            () => timer.PostAsync(2, TimeSpan.FromHours(1), new() { Id = "one" }, cancelled),
            () => timer.PostAsync(new byte[] { 2 }, TimeSpan.FromHours(1), new() { Id = "bytes" }, cancelled),
            () => timer.PostAsync([new TimerPost(new byte[] { 2 }, TimeSpan.FromHours(1))], cancelled),
            () => timer.PeekAsync("there", cancelled),
            () => timer.CancelAsync("there", cancellationToken: cancelled),
            () => timer.ChangeDelayAsync("there", TimeSpan.FromHours(2), cancelled),
            () => timer.ConfirmAsync("there", cancelled),
            () => timer.GetStatsAsync(cancelled),
            () => timer.GetNodesAsync(cancelled),
            () => timer.JoinAsync(static (_, _) => Task.CompletedTask, cancelled),
            () => timer.DeadLetters.RequeueAsync("there", cancellationToken: cancelled),
            () => timer.DeadLetters.RequeueAllAsync(cancellationToken: cancelled),
            () => timer.DeadLetters.PurgeAsync("there", cancelled),
            () => timer.DeadLetters.PurgeAllAsync(cancellationToken: cancelled),
            async () => await timer.InFlightAsync(cancellationToken: cancelled).GetAsyncEnumerator(cancelled).MoveNextAsync(),
            async () => await timer.UpcomingAsync(cancellationToken: cancelled).GetAsyncEnumerator(cancelled).MoveNextAsync(),
        ];
        for (int i = 0; i < calls.Length; i++) await Should.ThrowAsync<OperationCanceledException>(calls[i], $"call {i}");
        timer.IsJoined.ShouldBeFalse();
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(1);
        (await timer.PeekAsync("there"))!.Payload.ToArray().ShouldBe("1"u8.ToArray());
    }
}
