using System.Collections.Concurrent;
using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

/// <summary>What a namespace with very many partitions costs who posts, lists and counts.</summary>
public sealed class ManyPartitionsTests : IAsyncLifetime
{
    private const int Partitions = 1024;

    private readonly CountingStore _store = new(new InMemoryStore());
    private DistributedTimer _timer = null!;

    public Task InitializeAsync()
    {
        _timer = new DistributedTimer(_store, new() { Namespace = "many" });
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task A_batch_is_posted_to_each_partition_once_and_answered_in_order()
    {
        TimerPost[] posts = [.. Enumerable.Range(0, 20_000).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{i}" }))];
        IReadOnlyList<PostResult> results = await _timer.PostAsync(posts);
        results.ShouldBe(posts.Select(post => new PostResult(post.Options!.Id!, PostOutcome.Created)));
        _store.Counting.Posts.Count.ShouldBe(Partitions);
        _store.Counting.Posts.Distinct().Count().ShouldBe(Partitions);
    }

    [Fact]
    public async Task A_listing_holds_few_events_of_each_partition_and_is_in_order()
    {
        DateTimeOffset at = DateTimeOffset.UtcNow.AddHours(1);
        TimerPost[] posts = [.. Enumerable.Range(0, 12_000).Select(i => new TimerPost("{}"u8.ToArray(), at.AddMilliseconds(i * 37 % 12_000), new() { Id = $"{i}" }))];
        await _timer.PostAsync(posts);
        var all = new List<string>();
        await foreach (TimerSnapshot item in _timer.UpcomingAsync()) all.Add(item.Id);
        all.ShouldBe(posts.OrderBy(post => post.Due.Value).Select(post => post.Options!.Id));
        _store.Counting.PageSizes.Max().ShouldBeLessThanOrEqualTo(20);
    }

    [Fact]
    public async Task Counts_and_nodes_are_asked_of_some_partitions_at_a_time()
    {
        await _timer.PostAsync([.. Enumerable.Range(0, 3_000).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{i}" }))]);
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(3_000);
        (await _timer.GetNodesAsync()).ShouldBeEmpty();
        _store.Counting.MostAtATime.ShouldBeInRange(2, 16);
    }

    private sealed class CountingStore(LatchworkStore inner) : LatchworkStore
    {
        public CountingTimerStore Counting { get; } = new(inner.Timers);

        public override ITimerStore Timers => Counting;

        public override ILockerStore Locks => inner.Locks;

        public override string Description => inner.Description;

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class CountingTimerStore(ITimerStore inner) : PassingTimerStore(inner)
    {
        private int _under;

        public ConcurrentQueue<int> Posts { get; } = new();

        public ConcurrentQueue<int> PageSizes { get; } = new();

        public int MostAtATime { get; private set; }

        public override async Task<int> OpenAsync(string ns, CancellationToken cancellationToken)
        {
            await base.OpenAsync(ns, cancellationToken);
            return Partitions;
        }

        public override async Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
            await base.FindAsync(ns, cancellationToken) is null ? null : Partitions;

        public override Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
        {
            Posts.Enqueue(partition.Index);
            return base.PostAsync(partition, entries, cancellationToken);
        }

        public override Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken)
        {
            PageSizes.Enqueue(limit);
            return base.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken);
        }

        public override Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
            CountAsync(() => base.GetStatsAsync(partition, cancellationToken));

        public override Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
            CountAsync(() => base.GetNodesAsync(partition, cancellationToken));

        private async Task<T> CountAsync<T>(Func<Task<T>> ask)
        {
            int now = Interlocked.Increment(ref _under);
            lock (Posts) MostAtATime = Math.Max(MostAtATime, now);
            await Task.Yield();
            T answer = await ask();
            Interlocked.Decrement(ref _under);
            return answer;
        }
    }
}
