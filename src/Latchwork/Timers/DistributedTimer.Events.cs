using System.Runtime.CompilerServices;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork;

public sealed partial class DistributedTimer
{
    /// <summary>Looks at an event in any state. Of an id that was completed and not posted since it shows when and where, if that is kept (<see cref="TimerOptions.CompletedRetention"/>).</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The event, or null if it is unknown.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public Task<TimerSnapshot?> PeekAsync(string id, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        return OnPartitionAsync(id, client => _store.PeekAsync(client.Partition, id, cancellationToken), null, cancellationToken);
    }

    /// <summary>
    /// Cancels an event: a scheduled one is removed, a dead letter is purged. To cancel the next occurrence of a schedule is to skip it: the one after it is posted in
    /// the same step.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="revoke">Whether to remove it even in flight; the handler's token fires.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        TimerDelivery? held = revoke ? _membership?.Find(id) : null; // before it is sent: what comes later may be the next event of this id
        Task<TimerOutcome> cancelling = OnPartitionAsync(
            id,
            client => OccurrenceId.Is(id) ? CancelOccurrenceAsync(client, id, revoke, cancellationToken) : _store.CancelAsync(client.Partition, id, revoke, cancellationToken),
            TimerOutcome.NotFound,
            cancellationToken);
        return held is null ? cancelling : RevokeAsync(held, cancelling);
    }

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="due">When it is due now: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/>; or <see cref="TimerOutcome.NotFound"/>, <see cref="TimerOutcome.InFlight"/> or <see cref="TimerOutcome.DeadLettered"/>, and nothing was changed.</returns>
    /// <exception cref="ArgumentException">The event is an occurrence of a schedule, whose time follows from the schedule.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        OccurrenceRules.RefuseDelay(id);
        return OnPartitionAsync(id, client => _store.ChangeDelayAsync(client.Partition, id, due, cancellationToken), TimerOutcome.NotFound, cancellationToken);
    }

    /// <summary>Confirms a delivery that this node holds.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/>, or <see cref="TimerOutcome.NotFound"/> if this node does not hold it.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for as long as the lease lasted.</exception>
    public Task<TimerOutcome> ConfirmAsync(string id, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<TimerOutcome>(cancellationToken);
        return _membership?.Find(id) is { } held ? held.ConfirmAsync(cancellationToken) : Task.FromResult(TimerOutcome.NotFound);
    }

    /// <summary>
    /// Lists scheduled events in order of their due times, in pages, for any number of events. An event that stays scheduled at its time
    /// during the listing appears exactly once.
    /// </summary>
    /// <param name="offset">Start with what is due this long from now: zero to 100 years. Default: null, the earliest, overdue included.</param>
    /// <param name="duration">The length of the window from there: zero to 100 years. Default: null, to the end.</param>
    /// <param name="limit">The most events. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public IAsyncEnumerable<TimerSnapshot> UpcomingAsync(TimeSpan? offset = null, TimeSpan? duration = null, long? limit = null, CancellationToken cancellationToken = default)
    {
        if (offset is { } start) Limits.CheckDuration(start, TimeSpan.Zero, Limits.MaxDelay, nameof(offset));
        if (duration is { } length) Limits.CheckDuration(length, TimeSpan.Zero, Limits.MaxDelay, nameof(duration));
        if (limit < 0) throw new ArgumentOutOfRangeException(nameof(limit), limit, $"'limit' must not be negative; it is {limit}.");
        return ListMergedAsync(
            limit ?? long.MaxValue, TimerListing.ByDue, (client, cursor, pageSize, token) => _store.UpcomingAsync(client.Partition, offset, duration, cursor, pageSize, token), cancellationToken);
    }

    /// <summary>
    /// Lists what is in flight: which node holds it, at which attempt, since when, and for how long its lease still runs. It is read in pages, those first
    /// whose lease ends first (of a namespace with several partitions, one partition after the other). What is in flight when the listing begins, and stays so, appears exactly once; what is claimed
    /// meanwhile may be left out.
    /// </summary>
    /// <param name="limit">The most events. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public IAsyncEnumerable<TimerSnapshot> InFlightAsync(long? limit = null, CancellationToken cancellationToken = default)
    {
        if (limit < 0) throw new ArgumentOutOfRangeException(nameof(limit), limit, $"'limit' must not be negative; it is {limit}.");
        return ListInFlightAsync(limit ?? long.MaxValue, cancellationToken);
    }

    /// <summary>
    /// Lists completed events, the last first: when each was due, claimed and confirmed, by which node, after how many retries. Only what was confirmed by nodes with a
    /// <see cref="TimerOptions.CompletedRetention"/> is there: of each id the last time, of the namespace the last 10,000. It is read in pages; what is confirmed meanwhile may be left out.
    /// </summary>
    /// <param name="limit">The most events. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events, in the state <see cref="TimerState.Completed"/> and without payload, whatever became of their ids since.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public IAsyncEnumerable<TimerSnapshot> CompletedAsync(long? limit = null, CancellationToken cancellationToken = default)
    {
        if (limit < 0) throw new ArgumentOutOfRangeException(nameof(limit), limit, $"'limit' must not be negative; it is {limit}.");
        return ListMergedAsync(
            limit ?? long.MaxValue, TimerListing.ByCompletion, (client, cursor, pageSize, token) => _store.CompletedAsync(client.Partition, cursor, pageSize, token), cancellationToken);
    }

    private async IAsyncEnumerable<TimerSnapshot> ListInFlightAsync(long limit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (limit == 0) yield break;
        int pageSize = (int)Math.Min(limit, Limits.MaxBatch);
        foreach (PartitionClient client in await _clients.FindAsync(cancellationToken).ConfigureAwait(false))
        {
            // Leases are extended while pages are read, and then come again. As what is claimed meanwhile is not listed, these are no more than were in flight when it began.
            var seen = new HashSet<string>(StringComparer.Ordinal);
            await foreach (TimerSnapshot item in TimerListing.PagesAsync(
                (cursor, token) => _store.InFlightAsync(client.Partition, cursor, pageSize, token), cancellationToken).ConfigureAwait(false))
            {
                if (!seen.Add(item.Id)) continue;
                yield return item;
                if (--limit == 0) yield break;
            }
        }
    }

    /// <summary>Lists pages of all partitions, merged into one order.</summary>
    private async IAsyncEnumerable<TimerSnapshot> ListMergedAsync(
        long limit,
        Comparison<TimerSnapshot> order,
        Func<PartitionClient, string?, int, CancellationToken, Task<TimerPage>> read,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (limit == 0) yield break;

        PartitionClient[] clients = await _clients.FindAsync(cancellationToken).ConfigureAwait(false);
        int pageSize = TimerListing.PageSize(clients.Length, limit);
        IAsyncEnumerable<TimerSnapshot>[] sources = Array.ConvertAll(
            clients, client => TimerListing.PagesAsync((cursor, token) => read(client, cursor, pageSize, token), cancellationToken));
        IAsyncEnumerable<TimerSnapshot> merged = sources.Length == 1 ? sources[0] : TimerListing.MergeAsync(sources, order, cancellationToken);
        await foreach (TimerSnapshot item in merged.ConfigureAwait(false))
        {
            yield return item;
            if (--limit == 0) yield break;
        }
    }

    private async Task<TimerOutcome> CancelOccurrenceAsync(PartitionClient client, string id, bool revoke, CancellationToken cancellationToken) =>
        await Schedules.SkipAsync(client, id, revoke, cancellationToken).ConfigureAwait(false)
        ?? await _store.CancelAsync(client.Partition, id, revoke, cancellationToken).ConfigureAwait(false);

    // The handler is notified before the caller is answered, and does not begin any more: the store's notification may take a while.
    private static async Task<TimerOutcome> RevokeAsync(TimerDelivery held, Task<TimerOutcome> cancelling)
    {
        TimerOutcome outcome = await cancelling.ConfigureAwait(false);
        if (outcome == TimerOutcome.Done) held.Supersede();
        return outcome;
    }

    /// <param name="id">The event.</param>
    /// <param name="call">What to do.</param>
    /// <param name="nothing">The answer if the namespace was never used: none of these operations begins it.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    private async Task<T> OnPartitionAsync<T>(string id, Func<PartitionClient, Task<T>> call, T nothing, CancellationToken cancellationToken)
    {
        PartitionClient? client = await _clients.FindAsync(id, cancellationToken).ConfigureAwait(false);
        return client is null ? nothing : await call(client).OffStoreThread().ConfigureAwait(false);
    }
}
