using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <summary>Locks in memory. Every operation completes immediately, on the caller's thread.</summary>
internal sealed class InMemoryLockerStore : ILockerStore
{
    private readonly object _gate = new();
    private readonly TimeProvider _timeProvider;
    private readonly Dictionary<LockerKey, LockRecord> _records = [];
    private readonly Dictionary<string, LockerStats> _counts = [];
    private readonly Queue<LockerKey> _toSweep = new(); // each key of _records once
    private readonly OutcomeExpiry _outcomes;
    private readonly KeyNotificationHub _notifications = new();
    private bool _closed;

    public InMemoryLockerStore(TimeProvider timeProvider)
    {
        _timeProvider = timeProvider;
        _outcomes = new OutcomeExpiry(timeProvider, OnOutcomesDue);
    }

    /// <summary>How many keys the store remembers, in whatever state.</summary>
    internal int Count
    {
        get
        {
            lock (_gate) return _records.Count;
        }
    }

    /// <summary>How many bytes of outcomes the store keeps for a namespace.</summary>
    internal long OutcomeBytes(string ns)
    {
        lock (_gate) return _records.Where(pair => pair.Key.Namespace == ns).Sum(static pair => (long)pair.Value.OutcomeBytes);
    }

    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _records.Clear();
            _toSweep.Clear();
            _outcomes.Close();
        }

        _notifications.Clear();
    }

    public Task OpenAsync(string ns, CancellationToken cancellationToken) => Run(static (_, _) => true, cancellationToken);

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Run((store, now) => store.GetOrAdd(key, now).Request(request, now), cancellationToken);

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        Run((store, now) => store.Find(key)?.Renew(fencingToken, nonce, lease, now) == true, cancellationToken);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        byte[] data = publication.Data.ToArray(); // the caller may write over its array
        Task<PublishOutcome> task = Run(
            (store, now) =>
            {
                if (store.Find(key) is not { } record) return PublishOutcome.Superseded;
                PublishOutcome outcome = record.Publish(publication, data, now);
                store._outcomes.Track(key, record, now);
                return outcome;
            },
            cancellationToken);
        if (task is { IsCompletedSuccessfully: true, Result: PublishOutcome.Accepted }) _notifications.Notify(key);
        return task;
    }

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken)
    {
        Task<bool> task = Run((store, now) => store.Find(key)?.Release(fencingToken, nonce, now) == true, cancellationToken);
        if (task is { IsCompletedSuccessfully: true, Result: true }) _notifications.Notify(key);
        return task;
    }

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        Run((store, now) => store.Find(key)?.TryGet(now), cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        bool wasLocked = false;
        Task<bool> task = Run(
            (store, now) =>
            {
                if (store.Find(key) is not { } record) return false;
                (wasLocked, bool wasKnown) = record.Forget(lockTimeout, now);
                store._outcomes.Track(key, record, now);
                return wasKnown;
            },
            cancellationToken);
        if (wasLocked) _notifications.Notify(key);
        return task;
    }

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        Run((store, now) => store.Find(key)?.Show(key.Key, now), cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        Run(
        (store, _) =>
        {
            LockerStats before = store._counts.GetValueOrDefault(ns) ?? new LockerStats(0, 0, 0);
            store._counts[ns] = new LockerStats(before.Runs + counts.Runs, before.Takeovers + counts.Takeovers, before.Failures + counts.Failures);
            return true;
        },
        cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        Run((store, _) => store._counts.GetValueOrDefault(ns) ?? new LockerStats(0, 0, 0), cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) => Run(
        (store, now) =>
        {
            List<KeySnapshot> rest =
            [
                .. from pair in store._records
                   where pair.Key.Namespace == ns && (cursor is null || Utf8Order.Instance.Compare(pair.Key.Key, cursor) > 0)
                   let snapshot = pair.Value.Show(pair.Key.Key, now)
                   where snapshot is { IsLocked: true }
                   select snapshot
            ];
            rest.Sort(static (a, b) => Utf8Order.Instance.Compare(a.Key, b.Key));
            return rest.Count <= limit
                ? new LockerPage(rest, Cursor: null)
                : new LockerPage(rest.GetRange(0, limit), rest[limit - 1].Key);
        },
        cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        Run((store, _) => store._notifications.Subscribe(key, () => onNotified(null)), cancellationToken);

    private Task<T> Run<T>(Func<InMemoryLockerStore, long, T> operation, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<T>(cancellationToken);
        lock (_gate)
        {
            if (_closed) return Task.FromException<T>(new ObjectDisposedException(nameof(InMemoryStore)));
            long now = _timeProvider.GetMicroseconds();
            return Task.FromResult(operation(this, now));
        }
    }

    // The alarm's thread does not wait for a long listing.
    private void OnOutcomesDue()
    {
        if (!Monitor.TryEnter(_gate))
        {
            ThreadPool.UnsafeQueueUserWorkItem(static store => store.SweepOutcomes(), this, preferLocal: false);
            return;
        }

        try
        {
            SweepOutcomes();
        }
        finally
        {
            Monitor.Exit(_gate);
        }
    }

    private void SweepOutcomes()
    {
        lock (_gate)
        {
            if (!_closed) _outcomes.Sweep(_timeProvider.GetMicroseconds());
        }
    }

    private LockRecord? Find(LockerKey key) => _records.GetValueOrDefault(key);

    /// <summary>Every new key pays for looking at two old ones, so that what is over is dropped without ever looking at all of them.</summary>
    private LockRecord GetOrAdd(LockerKey key, long now)
    {
        if (_records.TryGetValue(key, out LockRecord? record)) return record;
        for (int i = 0; i < 2 && _toSweep.TryDequeue(out LockerKey old); i++)
        {
            if (!_records[old].IsGarbage(now))
            {
                _toSweep.Enqueue(old);
                continue;
            }

            _records.Remove(old);
            _outcomes.Remove(old, now);
        }

        record = new LockRecord();
        _records.Add(key, record);
        _toSweep.Enqueue(key);
        return record;
    }
}
