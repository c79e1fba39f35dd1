using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>The partitions of a namespace, which are known once the store was asked: once, before the first operation, and again if that failed.</summary>
internal sealed class PartitionClients : IDisposable
{
    /// <summary>How many partitions are asked at a time by who asks all.</summary>
    public const int MaxAtATime = 16;

    private readonly ITimerStore _store;
    private readonly TimerSettings _settings;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private volatile PartitionClient[]? _opened;
    private Task<PartitionClient[]>? _opening;
    private volatile bool _closed;

    public PartitionClients(ITimerStore store, TimerSettings settings)
    {
        _store = store;
        _settings = settings;
    }

    /// <summary>The store.</summary>
    public ITimerStore Store => _store;

    /// <summary>What the store offers for transactions of the application; throws if it offers nothing.</summary>
    public required Func<ITimerTransactions> Transactions { get; init; }

    /// <summary>Fires when the timer is disposed; what is under way then is given up.</summary>
    public CancellationToken Closed => _closing.Token;

    /// <summary>The partitions if they are known already: the fast path.</summary>
    public PartitionClient[]? Opened
    {
        get
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(DistributedTimer));
            return _opened;
        }
    }

    /// <summary>All partitions. A token that is cancelled already asks for nothing, also if they are known.</summary>
    public ValueTask<PartitionClient[]> GetAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<PartitionClient[]>(cancellationToken);
        return Opened is { } opened ? new(opened) : new(OpenAsync(cancellationToken));
    }

    /// <summary>All partitions, for those who only look: a namespace that was never used is not made.</summary>
    /// <returns>None if it was never used.</returns>
    public async ValueTask<PartitionClient[]> FindAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Opened is { } opened) return opened;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        int? count = await _store.FindAsync(_settings.Namespace, either.Token).OffStoreThread().ConfigureAwait(false);
        return count is { } found ? Create(found) : [];
    }

    private Task<PartitionClient[]> OpenAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closed, typeof(DistributedTimer));
        Task<PartitionClient[]> opening;
        lock (_gate)
        {
            if (_opening is null || _opening.IsFaulted || _opening.IsCanceled) _opening = Task.Run(AskAsync, CancellationToken.None).Observed();
            opening = _opening;
        }

        // Shared by all callers, so that one who gives up disturbs nobody.
        return cancellationToken.CanBeCanceled ? opening.WaitAsync(cancellationToken) : opening;
    }

    /// <summary>The partition of an id, for those who only look, or change what is there: a namespace that was never used is not made.</summary>
    /// <returns>Null if it was never used.</returns>
    public async ValueTask<PartitionClient?> FindAsync(string id, CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await FindAsync(cancellationToken).ConfigureAwait(false);
        return clients.Length == 0 ? null : Of(clients, id);
    }

    /// <summary>The partition of an id.</summary>
    public static PartitionClient Of(PartitionClient[] clients, string id) =>
        clients.Length == 1 ? clients[0] : clients[TimerPartition.Of(clients[0].Partition.Namespace, id, clients.Length).Index];

    /// <summary>Asks every partition, some at a time: a namespace of many costs few round trips in a row, and is never asked all together.</summary>
    /// <returns>The answers, in the order of the partitions.</returns>
    public static async Task<T[]> AskAllAsync<T>(PartitionClient[] clients, Func<PartitionClient, Task<T>> ask)
    {
        var answers = new T[clients.Length];
        for (int first = 0; first < clients.Length; first += MaxAtATime)
        {
            PartitionClient[] some = clients[first..Math.Min(clients.Length, first + MaxAtATime)];
            T[] answered = await Task.WhenAll(Array.ConvertAll(some, client => ask(client))).OffStoreThread().ConfigureAwait(false);
            answered.CopyTo(answers, first);
        }

        return answers;
    }

    /// <summary>Refuses everything from now on and gives up what is under way.</summary>
    public void Dispose()
    {
        _closed = true;
        var reason = new ObjectDisposedException(nameof(DistributedTimer));
        foreach (PartitionClient client in _opened ?? []) client.Close(reason);
        _closing.Cancel();
    }

    private async Task<PartitionClient[]> AskAsync()
    {
        int count = await _store.OpenAsync(_settings.Namespace, _closing.Token).OffStoreThread().ConfigureAwait(false);
        return Create(count);
    }

    private PartitionClient[] Create(int count)
    {
        lock (_gate)
        {
            if (_opened is { } known) return known;
            var clients = new PartitionClient[count];
            var completed = new CompletedLimits(_settings.CompletedRetention, CompletedLimits.ShareOf(count));
            for (int i = 0; i < count; i++)
            {
                clients[i] = new PartitionClient(_store, new TimerPartition(_settings.Namespace, i), _settings.DeadLetters, completed, _closing.Token);
            }

            return _opened = clients;
        }
    }
}
