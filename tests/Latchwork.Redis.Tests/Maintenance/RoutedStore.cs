using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Redis.Tests.Maintenance;

/// <summary>
/// Looks to the suites like a store of one partition, and puts each event into the partition to which it belongs: so they run over namespaces of
/// several partitions as they are.
/// </summary>
internal sealed class RoutedStore(LatchworkStore inner, int partitions) : LatchworkStore
{
    public override ITimerStore Timers { get; } = new RoutedTimers(inner.Timers, partitions);

    public override ILockerStore Locks => inner.Locks;

    public override IStoreMaintenance? Maintenance => inner.Maintenance;

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => inner.DisposeAsync();

    private sealed class RoutedTimers(ITimerStore inner, int partitions) : ITimerStore
    {
        public async Task<int> OpenAsync(string ns, CancellationToken cancellationToken)
        {
            await inner.OpenAsync(ns, cancellationToken);
            return 1;
        }

        public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) => inner.NamespacesAsync(cancellationToken);

        public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
            SplitAsync(partition, entries, entry => entry.Id, (home, some) => inner.PostAsync(home, some, cancellationToken));

        public async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
        {
            var events = new List<ClaimedEvent>();
            TimeSpan next = TimeSpan.MaxValue;
            foreach (TimerPartition one in All(partition))
            {
                int max = request.Max - events.Count;
                TimerClaim claim = await inner.ClaimAsync(one, request with { Max = max, Capacity = Math.Max(max, request.Capacity - events.Count) }, cancellationToken);
                events.AddRange(claim.Events);
                if (claim.AskAgainIn < next) next = claim.AskAgainIn;
            }

            return new TimerClaim([.. events.OrderBy(e => e.Due).ThenBy(e => e.Id, StringComparer.Ordinal)], next);
        }

        public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
            SplitAsync(partition, deliveries, key => key.Id, (home, some) => inner.ConfirmAsync(home, some, completed, cancellationToken));

        public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
            SplitAsync(partition, deliveries, key => key.Id, (home, some) => inner.ExtendAsync(home, some, lease, cancellationToken));

        public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
            SplitAsync(partition, deliveries, key => key.Id, (home, some) => inner.ReleaseAsync(home, some, cancellationToken));

        public Task<IReadOnlyList<TimerOutcome>> FailAsync(
            TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
            SplitAsync(partition, failures, failure => failure.Delivery.Id, (home, some) => inner.FailAsync(home, some, deadLetters, cancellationToken));

        public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
            inner.PeekAsync(Home(partition, id), id, cancellationToken);

        public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
            inner.CancelAsync(Home(partition, id), id, revoke, cancellationToken);

        public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
            inner.ChangeDelayAsync(Home(partition, id), id, due, cancellationToken);

        // The pages of one partition after the other; the cursor begins with the partition.
        public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
            PageAsync(partition, cursor, (one, from) => inner.UpcomingAsync(one, offset, duration, from, limit, cancellationToken));

        public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
            PageAsync(partition, cursor, (one, from) => inner.InFlightAsync(one, from, limit, cancellationToken));

        public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
            PageAsync(partition, cursor, (one, from) => inner.DeadLettersAsync(one, from, limit, cancellationToken));

        public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
            PageAsync(partition, cursor, (one, from) => inner.CompletedAsync(one, from, limit, cancellationToken));

        public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
            SplitAsync(partition, keys, key => key.Id, (home, some) => inner.RequeueAsync(home, some, due, cancellationToken));

        public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
            SplitAsync(partition, keys, key => key.Id, (home, some) => inner.PurgeAsync(home, some, cancellationToken));

        public async Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken)
        {
            var nodes = new SortedDictionary<string, TimerNode>(StringComparer.Ordinal);
            foreach (TimerPartition one in All(partition))
            {
                foreach (TimerNode node in await inner.GetNodesAsync(one, cancellationToken)) nodes[node.NodeId] = node;
            }

            return [.. nodes.Values];
        }

        public async Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken)
        {
            var sum = new TimerStats(0, 0, 0, 0, null);
            foreach (TimerPartition one in All(partition))
            {
                TimerStats stats = await inner.GetStatsAsync(one, cancellationToken);
                sum = new TimerStats(sum.Scheduled + stats.Scheduled, sum.InFlight + stats.InFlight, sum.DeadLetters + stats.DeadLetters, sum.DeadLettersEvicted + stats.DeadLettersEvicted, null)
                {
                    Pause = sum.Pause ?? stats.Pause,
                    Counters = CounterSum.Of([sum.Counters, stats.Counters]),
                };
            }

            return sum;
        }

        public async Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken)
        {
            TimerPause? pause = null;
            foreach (TimerPartition one in All(partition)) pause = await inner.PauseAsync(one, request with { Since = pause?.Since ?? request.Since }, cancellationToken);
            return pause!;
        }

        public async Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken)
        {
            TimerPause? ended = null;
            foreach (TimerPartition one in All(partition)) ended = await inner.ResumeAsync(one, cancellationToken) ?? ended;
            return ended;
        }

        public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
            inner.SubscribeAsync(ns, nodeId, notify, cancellationToken);

        public async Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken)
        {
            foreach (TimerPartition one in All(partition)) await inner.LeaveAsync(one, nodeId, cancellationToken);
        }

        private TimerPartition Home(TimerPartition partition, string id) => TimerPartition.Of(partition.Namespace, id, partitions);

        private IEnumerable<TimerPartition> All(TimerPartition partition) => Enumerable.Range(0, partitions).Select(i => new TimerPartition(partition.Namespace, i));

        private async Task<TimerPage> PageAsync(TimerPartition partition, string? cursor, Func<TimerPartition, string?, Task<TimerPage>> read)
        {
            string[] parts = cursor?.Split('|', 2) ?? ["0", ""];
            int index = int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
            TimerPage page = await read(new TimerPartition(partition.Namespace, index), parts[1].Length == 0 ? null : parts[1]);
            if (page.Cursor is not null) return page with { Cursor = $"{index}|{page.Cursor}" };
            return page with { Cursor = index + 1 < partitions ? $"{index + 1}|" : null };
        }

        private async Task<IReadOnlyList<TOutcome>> SplitAsync<TItem, TOutcome>(
            TimerPartition partition, IReadOnlyList<TItem> items, Func<TItem, string> idOf, Func<TimerPartition, IReadOnlyList<TItem>, Task<IReadOnlyList<TOutcome>>> call)
        {
            var outcomes = new TOutcome[items.Count];
            foreach (IGrouping<TimerPartition, int> group in Enumerable.Range(0, items.Count).GroupBy(i => Home(partition, idOf(items[i]))))
            {
                int[] indexes = [.. group];
                IReadOnlyList<TOutcome> answers = await call(group.Key, Array.ConvertAll(indexes, i => items[i]));
                for (int i = 0; i < indexes.Length; i++) outcomes[indexes[i]] = answers[i];
            }

            return outcomes;
        }
    }
}

/// <summary>Moves between stores of different numbers of partitions.</summary>
public sealed class RoutedFixture : StoreConformance.Support.StoreFixture, Xunit.IAsyncLifetime
{
    private readonly Timers.PartitionedFixture _inner = new();

    public override TimeSpan ClockTolerance => _inner.ClockTolerance;

    public override bool LocksNoteTimeWhenSeen => false;

    public override bool TakesInAllOrNothing => false;

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) =>
        new RoutedStore(await _inner.OpenAsync(clock), Timers.PartitionedFixture.Partitions);

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => new RoutedStore(await _inner.OpenTargetAsync(clock), 3);

    public Task InitializeAsync() => _inner.InitializeAsync();

    public Task DisposeAsync() => _inner.DisposeAsync();
}
