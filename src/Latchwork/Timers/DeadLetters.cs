using System.Runtime.CompilerServices;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>The dead letters of a namespace.</summary>
public sealed class DeadLetters
{
    private readonly ITimerStore _store;
    private readonly PartitionClients _clients;

    internal DeadLetters(ITimerStore store, PartitionClients clients)
    {
        _store = store;
        _clients = clients;
    }

    /// <summary>Lists dead letters, the oldest first, in pages.</summary>
    /// <param name="reason">Only those with this reason. Default: null, all.</param>
    /// <param name="olderThan">Only those dead-lettered for longer than this, by the store's clock: zero to 100 years. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public IAsyncEnumerable<TimerSnapshot> ListAsync(DeadLetterReason? reason = null, TimeSpan? olderThan = null, CancellationToken cancellationToken = default)
    {
        CheckFilter(reason, olderThan);
        return ListCoreAsync(reason, olderThan, cancellationToken);
    }

    /// <summary>Schedules a dead letter again, with no retry spent.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="due">When it is due. Default: null, now.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public Task<TimerOutcome> RequeueAsync(string id, Due? due = null, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        return OneAsync(id, (client, keys) => _store.RequeueAsync(client.Partition, keys, due ?? default, cancellationToken), cancellationToken);
    }

    /// <summary>Schedules dead letters again, with no retry spent. What is dead-lettered in the meantime is left alone.</summary>
    /// <param name="reason">Only those with this reason. Default: null, all.</param>
    /// <param name="olderThan">Only those dead-lettered for longer than this, by the store's clock: zero to 100 years. Default: null, all.</param>
    /// <param name="due">When they are due. Default: null, now.</param>
    /// <param name="cancellationToken">Stops after the current page.</param>
    /// <returns>How many were requeued.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; some may have been requeued.</exception>
    public Task<long> RequeueAllAsync(DeadLetterReason? reason = null, TimeSpan? olderThan = null, Due? due = null, CancellationToken cancellationToken = default) =>
        RequeueAllAsync(reason, olderThan, due, static _ => { }, cancellationToken);

    // onDone is called with how many were requeued whenever some were: what is known if the store fails later.
    internal Task<long> RequeueAllAsync(DeadLetterReason? reason, TimeSpan? olderThan, Due? due, Action<int> onDone, CancellationToken cancellationToken)
    {
        CheckFilter(reason, olderThan);
        return AllAsync(
            reason, olderThan, (client, keys) => _store.RequeueAsync(client.Partition, keys, due ?? default, _clients.Closed), onDone, cancellationToken);
    }

    /// <summary>Deletes a dead letter for good.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public Task<TimerOutcome> PurgeAsync(string id, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        return OneAsync(id, (client, keys) => _store.PurgeAsync(client.Partition, keys, cancellationToken), cancellationToken);
    }

    /// <summary>Deletes dead letters for good. What is dead-lettered in the meantime is left alone.</summary>
    /// <param name="reason">Only those with this reason. Default: null, all.</param>
    /// <param name="olderThan">Only those dead-lettered for longer than this, by the store's clock: zero to 100 years. Default: null, all.</param>
    /// <param name="cancellationToken">Stops after the current page.</param>
    /// <returns>How many were deleted.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; some may have been deleted.</exception>
    public Task<long> PurgeAllAsync(DeadLetterReason? reason = null, TimeSpan? olderThan = null, CancellationToken cancellationToken = default) =>
        PurgeAllAsync(reason, olderThan, static _ => { }, cancellationToken);

    // onDone is called with how many were deleted whenever some were: what is known if the store fails later.
    internal Task<long> PurgeAllAsync(DeadLetterReason? reason, TimeSpan? olderThan, Action<int> onDone, CancellationToken cancellationToken)
    {
        CheckFilter(reason, olderThan);
        return AllAsync(reason, olderThan, (client, keys) => _store.PurgeAsync(client.Partition, keys, _clients.Closed), onDone, cancellationToken);
    }

    private static void CheckFilter(DeadLetterReason? reason, TimeSpan? olderThan)
    {
        if (reason is { } given && !Enum.IsDefined(given))
        {
            throw new ArgumentOutOfRangeException(nameof(reason), given, $"'reason' must be one of its named values; it is {(int)given}.");
        }

        if (olderThan is { } age) Limits.CheckDuration(age, TimeSpan.Zero, Limits.MaxDelay, nameof(olderThan));
    }

    private static bool Matches(TimerSnapshot item, DeadLetterReason? reason, TimeSpan? olderThan) =>
        (reason is null || item.DeadLetterReason == reason) && (olderThan is null || item.DeadLetteredFor > olderThan);

    private async IAsyncEnumerable<TimerSnapshot> ListCoreAsync(
        DeadLetterReason? reason, TimeSpan? olderThan, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await _clients.FindAsync(cancellationToken).ConfigureAwait(false);
        int pageSize = TimerListing.PageSize(clients.Length, Limits.MaxBatch);
        IAsyncEnumerable<TimerSnapshot>[] sources = Array.ConvertAll(clients, client => TimerListing.PagesAsync(
            (cursor, token) => _store.DeadLettersAsync(client.Partition, cursor, pageSize, token), cancellationToken));
        IAsyncEnumerable<TimerSnapshot> merged =
            sources.Length == 1 ? sources[0] : TimerListing.MergeAsync(sources, TimerListing.ByDeadLetterTime, cancellationToken);
        await foreach (TimerSnapshot item in merged.ConfigureAwait(false))
        {
            if (Matches(item, reason, olderThan)) yield return item;
        }
    }

    private async Task<TimerOutcome> OneAsync(
        string id, Func<PartitionClient, DeadLetterKey[], Task<IReadOnlyList<TimerOutcome>>> call, CancellationToken cancellationToken)
    {
        if (await _clients.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } client) return TimerOutcome.NotFound;
        IReadOnlyList<TimerOutcome> outcomes = await call(client, [new DeadLetterKey(id, DeadLetteredAt: null)]).OffStoreThread().ConfigureAwait(false);
        return outcomes[0];
    }

    private async Task<long> AllAsync(
        DeadLetterReason? reason,
        TimeSpan? olderThan,
        Func<PartitionClient, DeadLetterKey[], Task<IReadOnlyList<TimerOutcome>>> call,
        Action<int> onDone,
        CancellationToken cancellationToken)
    {
        long done = 0;
        foreach (PartitionClient client in await _clients.FindAsync(cancellationToken).ConfigureAwait(false))
        {
            // Only as many as there are now: an event that is requeued and fails immediately again would be met forever.
            TimerStats stats = await _store.GetStatsAsync(client.Partition, cancellationToken).OffStoreThread().ConfigureAwait(false);
            long left = stats.DeadLetters;
            string? cursor = null;
            while (left > 0)
            {
                TimerPage page = await _store.DeadLettersAsync(client.Partition, cursor, (int)Math.Min(left, Limits.MaxBatch), cancellationToken)
                    .OffStoreThread().ConfigureAwait(false);
                left -= page.Items.Count;
                DeadLetterKey[] keys = [.. page.Items.Where(item => Matches(item, reason, olderThan)).Select(DeadLetterKey.Of)];
                if (keys.Length > 0)
                {
                    IReadOnlyList<TimerOutcome> outcomes = await call(client, keys).OffStoreThread().ConfigureAwait(false);
                    int some = outcomes.Count(outcome => outcome == TimerOutcome.Done);
                    done += some;
                    onDone(some);
                }

                cancellationToken.ThrowIfCancellationRequested();
                cursor = page.Cursor;
                if (cursor is null) break;
            }
        }

        return done;
    }
}
