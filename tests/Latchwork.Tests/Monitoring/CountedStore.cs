using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.Tests.Monitoring;

/// <summary>A store that counts the commands of those who look, and fails or hangs at will.</summary>
internal sealed class CountedStore : LatchworkStore
{
    private readonly LatchworkStore _inner;

    public CountedStore(LatchworkStore inner)
    {
        _inner = inner;
        Timers = new CountedTimers(this, inner.Timers);
    }

    public ConcurrentQueue<string> Commands { get; } = [];

    /// <summary>What every command that looks fails with, and pausing.</summary>
    public LatchworkStoreException? Fault { get; set; }

    /// <summary>What every command that looks waits for, whatever its token says.</summary>
    public TaskCompletionSource? Hang { get; set; }

    /// <summary>Called with every command that looks, before it is done.</summary>
    public Action? OnCommand { get; set; }

    /// <summary>After so many purges the reply of the next is lost.</summary>
    public int FailAfterPurges { get; set; } = int.MaxValue;

    /// <summary>A namespace that answers that it was moved away.</summary>
    public string? Refused { get; set; }

    public override ITimerStore Timers { get; }

    public override ILockerStore Locks => _inner.Locks;

    public override string Description => _inner.Description;

    public Dictionary<string, int> Count() => Commands.GroupBy(name => name).ToDictionary(group => group.Key, group => group.Count());

    public override ValueTask DisposeAsync() => _inner.DisposeAsync();

    private async Task<T> RunAsync<T>(string name, string? ns, Func<Task<T>> inner)
    {
        Commands.Enqueue(name);
        OnCommand?.Invoke();
        if (Hang is { } hang) await hang.Task;
        if (Fault is { } fault) throw fault;
        if (ns is not null && ns == Refused) throw new LatchworkStoreException("moved away", StoreOutcome.NotApplied);
        return await inner();
    }

    private sealed class CountedTimers(CountedStore store, ITimerStore inner) : PassingTimerStore(inner)
    {
        public override Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
            store.RunAsync(nameof(NamespacesAsync), null, () => base.NamespacesAsync(cancellationToken));

        public override Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
            store.RunAsync(nameof(PauseAsync), partition.Namespace, () => base.PauseAsync(partition, request, cancellationToken));

        public override async Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken)
        {
            IReadOnlyList<TimerOutcome> outcomes = await base.PurgeAsync(partition, keys, cancellationToken);
            return --store.FailAfterPurges < 0 ? throw new LatchworkStoreException("The reply is lost.", StoreOutcome.Unknown) : outcomes;
        }

        public override Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
            store.RunAsync(nameof(GetStatsAsync), partition.Namespace, () => base.GetStatsAsync(partition, cancellationToken));

        public override Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
            store.RunAsync(nameof(GetNodesAsync), partition.Namespace, () => base.GetNodesAsync(partition, cancellationToken));
    }
}
