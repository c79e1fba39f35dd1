using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>One partition as the engine sees it: concurrent posts, confirms, failures and returns gather here and go together.</summary>
internal sealed class PartitionClient
{
    private readonly ITimerStore _store;
    private readonly DeadLetterLimits _deadLetters;
    private readonly CancellationToken _closed;

    /// <param name="store">The store.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="deadLetters">What to keep of the dead letters.</param>
    /// <param name="completed">What to keep of the completed events.</param>
    /// <param name="closed">Gives up what is under way when the timer is disposed.</param>
    public PartitionClient(ITimerStore store, TimerPartition partition, DeadLetterLimits deadLetters, CompletedLimits completed, CancellationToken closed)
    {
        _store = store;
        Partition = partition;
        Completed = completed;
        _deadLetters = deadLetters;
        _closed = closed;
        Posts = new(PostAsync, static entry => entry.Payload.Length);
        Confirms = new(keys => _store.ConfirmAsync(Partition, keys, Completed, _closed));
        CompletedLimits onDelivery = completed with { Outcome = CompletedOutcome.Delivered };
        ConfirmsOnDelivery = new(keys => _store.ConfirmAsync(Partition, keys, onDelivery, _closed));
        Failures = new(failures => _store.FailAsync(Partition, failures, _deadLetters, _closed));
        Releases = new(keys => _store.ReleaseAsync(Partition, keys, _closed));
        Advances = new(AdvanceAsync, static advance => advance.Next?.Payload.Length ?? 0);
    }

    public TimerPartition Partition { get; }

    /// <summary>What a confirmation keeps of the completed events.</summary>
    public CompletedLimits Completed { get; }

    public Batcher<TimerEntry, PostResult> Posts { get; }

    public Batcher<DeliveryKey, TimerOutcome> Confirms { get; }

    /// <summary>Confirmations before the handler runs: the history tells them apart.</summary>
    public Batcher<DeliveryKey, TimerOutcome> ConfirmsOnDelivery { get; }

    public Batcher<TimerFailure, TimerOutcome> Failures { get; }

    public Batcher<DeliveryKey, TimerOutcome> Releases { get; }

    /// <summary>The first step of occurrences of schedules, and their end where nobody holds them.</summary>
    public Batcher<OccurrenceAdvance, AdvanceAnswer> Advances { get; }

    /// <summary>Fails what was not sent yet.</summary>
    public void Close(Exception reason)
    {
        Posts.Close(reason);
        Confirms.Close(reason);
        ConfirmsOnDelivery.Close(reason);
        Failures.Close(reason);
        Releases.Close(reason);
        Advances.Close(reason);
    }

    private Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(IReadOnlyList<OccurrenceAdvance> advances) => ScheduleReader.Of(_store).AdvanceAsync(Partition, advances, _closed);

    private async Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerEntry> entries)
    {
        IReadOnlyList<PostOutcome> outcomes = await _store.PostAsync(Partition, entries, _closed).ConfigureAwait(false);
        return ToResults(entries, outcomes);
    }

    /// <summary>Pairs the outcomes of a store with the ids.</summary>
    public static PostResult[] ToResults(IReadOnlyList<TimerEntry> entries, IReadOnlyList<PostOutcome> outcomes)
    {
        if (outcomes.Count != entries.Count)
        {
            throw new LatchworkStoreException($"The store gave {outcomes.Count} answers to {entries.Count} posts.", StoreOutcome.Unknown);
        }

        var results = new PostResult[entries.Count];
        for (int i = 0; i < results.Length; i++) results[i] = new PostResult(entries[i].Id, outcomes[i]);
        return results;
    }
}
