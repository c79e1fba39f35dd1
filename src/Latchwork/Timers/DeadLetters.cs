using System.Runtime.CompilerServices;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>The dead events of a namespace.</summary>
public sealed class DeadLetters
{
    private readonly ITimerStore _store;
    private readonly TimerLanes _lanes;

    internal DeadLetters(ITimerStore store, TimerLanes lanes)
    {
        _store = store;
        _lanes = lanes;
    }

    /// <summary>Lists dead events, the longest dead first, in pages.</summary>
    /// <param name="reason">Only those that died of it. Default: null, all.</param>
    /// <param name="olderThan">Only those dead for longer than this, by the store's clock: zero to 100 years. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public IAsyncEnumerable<TimerSnapshot> ListAsync(DeadReason? reason = null, TimeSpan? olderThan = null, CancellationToken cancellationToken = default)
    {
        CheckFilter(reason, olderThan);
        return ListCoreAsync(reason, olderThan, cancellationToken);
    }

    /// <summary>Schedules a dead event again, with no retry spent.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="due">When it is due. Default: null, now.</param>
    /// <param name="cancellationToken">Gives up waiting; a request that was sent may still happen.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public Task<TimerOutcome> RequeueAsync(string id, Due? due = null, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        return OneAsync(id, (lane, keys) => _store.RequeueAsync(lane.Partition, keys, due ?? default, cancellationToken), cancellationToken);
    }

    /// <summary>Schedules dead events again, with no retry spent. What dies in the meantime is left alone.</summary>
    /// <param name="reason">Only those that died of it. Default: null, all.</param>
    /// <param name="olderThan">Only those dead for longer than this, by the store's clock: zero to 100 years. Default: null, all.</param>
    /// <param name="due">When they are due. Default: null, now.</param>
    /// <param name="cancellationToken">Stops after the current page.</param>
    /// <returns>How many were requeued.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; some may have been requeued.</exception>
    public Task<long> RequeueAllAsync(DeadReason? reason = null, TimeSpan? olderThan = null, Due? due = null, CancellationToken cancellationToken = default)
    {
        CheckFilter(reason, olderThan);
        return AllAsync(
            reason, olderThan, (lane, keys) => _store.RequeueAsync(lane.Partition, keys, due ?? default, _lanes.Closed), cancellationToken);
    }

    /// <summary>Deletes a dead event for good.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Gives up waiting; a request that was sent may still happen.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public Task<TimerOutcome> PurgeAsync(string id, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        return OneAsync(id, (lane, keys) => _store.PurgeAsync(lane.Partition, keys, cancellationToken), cancellationToken);
    }

    /// <summary>Deletes dead events for good. What dies in the meantime is left alone.</summary>
    /// <param name="reason">Only those that died of it. Default: null, all.</param>
    /// <param name="olderThan">Only those dead for longer than this, by the store's clock: zero to 100 years. Default: null, all.</param>
    /// <param name="cancellationToken">Stops after the current page.</param>
    /// <returns>How many were deleted.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; some may have been deleted.</exception>
    public Task<long> PurgeAllAsync(DeadReason? reason = null, TimeSpan? olderThan = null, CancellationToken cancellationToken = default)
    {
        CheckFilter(reason, olderThan);
        return AllAsync(reason, olderThan, (lane, keys) => _store.PurgeAsync(lane.Partition, keys, _lanes.Closed), cancellationToken);
    }

    private static void CheckFilter(DeadReason? reason, TimeSpan? olderThan)
    {
        if (reason is { } given && !Enum.IsDefined(given))
        {
            throw new ArgumentOutOfRangeException(nameof(reason), given, $"'reason' must be one of its named values; it is {(int)given}.");
        }

        if (olderThan is { } age) Limits.CheckDuration(age, TimeSpan.Zero, Limits.MaxDelay, nameof(olderThan));
    }

    private static bool Matches(TimerSnapshot item, DeadReason? reason, TimeSpan? olderThan) =>
        (reason is null || item.DeadReason == reason) && (olderThan is null || item.DeadFor > olderThan);

    private async IAsyncEnumerable<TimerSnapshot> ListCoreAsync(
        DeadReason? reason, TimeSpan? olderThan, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        TimerLane[] lanes = _lanes.Opened ?? await _lanes.OpenAsync(cancellationToken).ConfigureAwait(false);
        IAsyncEnumerable<TimerSnapshot>[] sources = Array.ConvertAll(lanes, lane => TimerListing.PagesAsync(
            (cursor, token) => _store.DeadAsync(lane.Partition, cursor, Limits.MaxBatch, token), cancellationToken));
        IAsyncEnumerable<TimerSnapshot> merged =
            sources.Length == 1 ? sources[0] : TimerListing.MergeAsync(sources, TimerListing.ByDeath, cancellationToken);
        await foreach (TimerSnapshot item in merged.ConfigureAwait(false))
        {
            if (Matches(item, reason, olderThan)) yield return item;
        }
    }

    private async Task<TimerOutcome> OneAsync(
        string id, Func<TimerLane, DeadKey[], Task<IReadOnlyList<TimerOutcome>>> call, CancellationToken cancellationToken)
    {
        TimerLane lane = await _lanes.OfAsync(id, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<TimerOutcome> outcomes = await call(lane, [new DeadKey(id, DiedAt: null)]).OffStoreThread().ConfigureAwait(false);
        return outcomes[0];
    }

    private async Task<long> AllAsync(
        DeadReason? reason,
        TimeSpan? olderThan,
        Func<TimerLane, DeadKey[], Task<IReadOnlyList<TimerOutcome>>> call,
        CancellationToken cancellationToken)
    {
        long done = 0;
        foreach (TimerLane lane in _lanes.Opened ?? await _lanes.OpenAsync(cancellationToken).ConfigureAwait(false))
        {
            // Only as many as there are now: an event that is requeued and dies at once again would be met for ever.
            TimerStats stats = await _store.StatsAsync(lane.Partition, cancellationToken).OffStoreThread().ConfigureAwait(false);
            long left = stats.Dead;
            string? cursor = null;
            while (left > 0)
            {
                TimerPage page = await _store.DeadAsync(lane.Partition, cursor, (int)Math.Min(left, Limits.MaxBatch), cancellationToken)
                    .OffStoreThread().ConfigureAwait(false);
                left -= page.Items.Count;
                DeadKey[] keys = [.. page.Items.Where(item => Matches(item, reason, olderThan)).Select(item => new DeadKey(item.Id, item.DiedAt))];
                if (keys.Length > 0)
                {
                    IReadOnlyList<TimerOutcome> outcomes = await call(lane, keys).OffStoreThread().ConfigureAwait(false);
                    done += outcomes.Count(outcome => outcome == TimerOutcome.Done);
                }

                cancellationToken.ThrowIfCancellationRequested();
                cursor = page.Cursor;
                if (cursor is null) break;
            }
        }

        return done;
    }
}
