using Latchwork.Diagnostics;
using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Durable distributed timers of one namespace. Post an event with a delay from any node; when it is due, exactly one of the nodes that
/// joined gets it, again and again until it is confirmed or its retries are spent; then it is kept as a dead letter.
/// </summary>
/// <remarks>Safe for use by many threads. Posting needs no join.</remarks>
public sealed partial class DistributedTimer : IAsyncDisposable
{
    private readonly LatchworkStore _latchworkStore;
    private readonly InstrumentedTimerStore _store;
    private readonly TimerSettings _settings;
    private readonly PartitionClients _clients;
    private readonly ErrorReporter _errors;
    private readonly DeliveryCalls _calls;

    /// <summary>Creates a timer on a store. Nothing is sent before the first call.</summary>
    /// <param name="store">The store; it must outlive the timer and is not disposed with it.</param>
    /// <param name="options">The settings; null for the defaults. They are copied.</param>
    /// <exception cref="ArgumentException">A setting is out of its range; all such settings are named.</exception>
    public DistributedTimer(LatchworkStore store, TimerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        options ??= new TimerOptions();
        _settings = new TimerSettings(options);
        LiveStores.Add(store);
        _latchworkStore = store;
        _store = new InstrumentedTimerStore(store.Timers, LiveStores.KindOf(store));
        _clients = new PartitionClients(_store, _settings) { Transactions = () => TransactionalTimer.Of(store) };
        _errors = new ErrorReporter(options.LoggerFactory, _settings.Namespace, options.LogPayloads) { Sender = this };
        _calls = new DeliveryCalls(_store, _settings);
        _maxEvents = _settings.MaxEvents;
        DeadLetters = new DeadLetters(_store, _clients);
        Schedules = new TimerSchedules(_store, _clients, _settings);
    }

    /// <summary>The namespace.</summary>
    public string Namespace => _settings.Namespace;

    /// <summary>This node's id: the given one, or the generated one.</summary>
    public string NodeId => _settings.NodeId;

    /// <summary>Dead letters: list, requeue, purge.</summary>
    public DeadLetters DeadLetters { get; }

    /// <summary>Recurring schedules: declare, list, pause, trigger, remove.</summary>
    public TimerSchedules Schedules { get; }

    /// <summary>
    /// Raised on a thread of the pool when something failed that no call reports: a handler, a lost lease, a store that does not answer.
    /// An exception of a subscriber is logged and reaches nobody else.
    /// </summary>
    public event EventHandler<TimerErrorEventArgs>? Error
    {
        add => _errors.Error += value;
        remove => _errors.Error -= value;
    }

    /// <summary>Lists the nodes that joined this namespace, and those that fell silent in the last hour.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The nodes, by id.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public async Task<IReadOnlyList<TimerNode>> GetNodesAsync(CancellationToken cancellationToken = default)
    {
        PartitionClient[] clients = await _clients.FindAsync(cancellationToken).ConfigureAwait(false);
        if (clients.Length == 1) return await _store.GetNodesAsync(clients[0].Partition, cancellationToken).OffStoreThread().ConfigureAwait(false);

        // A node tells every partition what it holds in all; what it told last is right.
        var nodes = new SortedDictionary<string, TimerNode>(StringComparer.Ordinal);
        foreach (TimerNode node in (await PartitionClients.AskAllAsync(clients, client => _store.GetNodesAsync(client.Partition, cancellationToken)).ConfigureAwait(false)).SelectMany(nodes => nodes))
        {
            if (!nodes.TryGetValue(node.NodeId, out TimerNode? known) || node.LastSeen < known.LastSeen) nodes[node.NodeId] = node;
        }

        return [.. nodes.Values];
    }

    /// <summary>
    /// Counts events by state and reads the age of the oldest overdue one, at a cost that does not grow with their number; also says whether the namespace is paused.
    /// </summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counts.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public async Task<TimerStats> GetStatsAsync(CancellationToken cancellationToken = default)
    {
        PartitionClient[] clients = await _clients.FindAsync(cancellationToken).ConfigureAwait(false);
        var sum = new TimerStats(0, 0, 0, 0, null);
        TimerStats[] all = [.. await PartitionClients.AskAllAsync(clients, client => _store.GetStatsAsync(client.Partition, cancellationToken)).ConfigureAwait(false)];
        foreach (TimerStats one in all)
        {
            sum = new TimerStats(
                sum.Scheduled + one.Scheduled,
                sum.InFlight + one.InFlight,
                sum.DeadLetters + one.DeadLetters,
                sum.DeadLettersEvicted + one.DeadLettersEvicted,
                Nullable.Compare(sum.OldestOverdue, one.OldestOverdue) >= 0 ? sum.OldestOverdue : one.OldestOverdue)
            { Pause = sum.Pause ?? one.Pause };
        }

        return all.Length == 0 ? sum : sum with { Counters = CounterSum.Of([.. all.Select(static one => one.Counters)]) };
    }
}
