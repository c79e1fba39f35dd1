using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Monitoring;

/// <summary>
/// What is shown of a store, read once for all who look: the dashboard and <c>latchwork top</c> show the same. It reads only when somebody asks,
/// and then what is older than <see cref="MaxAge"/> of what is shown, with a slice of the other namespaces, so that those in trouble are found.
/// </summary>
/// <remarks>
/// Its members do not throw when the store does not answer: what was read last is shown, and <see cref="StoreState.UnavailableSince"/> says since
/// when. One read is under way at a time; it ends after <see cref="Timeout"/>, whoever has asked for it and left, and those who wait for it then get the same.
/// </remarks>
internal sealed partial class StoreMonitor : IAsyncDisposable
{
    /// <summary>Namespaces on a page of the overview.</summary>
    public const int PageSize = 50;

    /// <summary>How many namespaces are read for the first time, or for the first time after a pause, in one look. Reading all of a large store takes several looks.</summary>
    public const int MaxFirst = 1000;

    /// <summary>How many of the namespaces that are not shown are read again in one look.</summary>
    public const int Slice = 50;

    /// <summary>The most nodes that are listed.</summary>
    public const int MaxNodes = 500;

    /// <summary>The most namespaces of lockers whose counts are read.</summary>
    public const int MaxLockers = 50;

    /// <summary>For how many minutes that are over, besides the one that is not, dead letters count as growing.</summary>
    public const int GrowthMinutes = 5;

    /// <summary>The most events that are counted in a window of what comes due.</summary>
    public const int MaxCounted = 100;

    /// <summary>What is younger is not read again: one look a second.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);

    /// <summary>How often the list of namespaces, the counts of lockers and the warnings of the store are read.</summary>
    public static readonly TimeSpan ListAge = TimeSpan.FromSeconds(10);

    /// <summary>When nobody has looked for that long, what was read before says nothing of what is: all is read anew.</summary>
    public static readonly TimeSpan PauseAge = TimeSpan.FromSeconds(10);

    /// <summary>How long a look waits for the store.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private const int AtATime = 32;

    private readonly LatchworkStore _store;
    private readonly IReadOnlyList<string> _knownLockers;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<string, NamespaceReader> _namespaces = new(StringComparer.Ordinal);
    private IReadOnlyList<string> _lockers;
    private IReadOnlyList<LockerRow> _lockerRows;
    private IReadOnlyList<StoreWarning> _warnings = [];
    private long? _listedAt, _lookedAt, _slicedAt, _lockersReadAt, _failedAt;
    private long _lookingSince;
    private DateTimeOffset? _unavailableSince;
    private string? _lastError;
    private Task? _reading;

    /// <param name="store">The store, which stays its owner's.</param>
    /// <param name="lockers">Namespaces of lockers that are known from elsewhere, for stores that cannot list them.</param>
    /// <param name="time">The clock; null: the system's.</param>
    public StoreMonitor(LatchworkStore store, IReadOnlyList<string>? lockers = null, TimeProvider? time = null)
    {
        _store = store;
        _lockers = _knownLockers = lockers ?? [];
        _lockerRows = [.. _lockers.Select(static ns => new LockerRow(ns, null))];
        _time = time ?? TimeProvider.System;
    }

    /// <summary>A page of the namespaces, with the sums of all.</summary>
    public Task<OverviewPage> GetOverviewAsync(OverviewQuery query, CancellationToken cancellationToken) => LookAsync(
        async stop =>
        {
            await ReadSliceAsync(stop).ConfigureAwait(false);
            await ReadLockersAsync(stop).ConfigureAwait(false);
            await ReadAsync(Select(query).Rows.Select(row => _namespaces[row.Namespace]), stop).ConfigureAwait(false);
        },
        () => Select(query),
        cancellationToken);

    /// <summary>The nodes of all namespaces.</summary>
    public Task<NodesPage> GetNodesAsync(CancellationToken cancellationToken) => LookAsync(ReadSliceAsync, SelectNodes, cancellationToken);

    /// <summary>A namespace in detail.</summary>
    public Task<NamespaceView> GetNamespaceAsync(string ns, CancellationToken cancellationToken) => LookAsync(
        async stop =>
        {
            // Made since the list was read, or named wrong.
            if (!_namespaces.ContainsKey(ns) && await _store.Timers.FindAsync(ns, stop).OffStoreThread().ConfigureAwait(false) is not null) Add(ns);
            if (_namespaces.TryGetValue(ns, out NamespaceReader? found)) await found.ReadWithWindowsAsync(stop).ConfigureAwait(false);
        },
        () => _namespaces.TryGetValue(ns, out NamespaceReader? known) ? new NamespaceView(State, known.Row, known.Windows) : new NamespaceView(State, null, []),
        cancellationToken);

    /// <summary>What is read after a change by this process must show it.</summary>
    public async Task ForgetAgeAsync(string ns, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // What is still read for somebody who has left may be older than the change, and would be young when it ends.
            if (_reading is { IsCompleted: false } before) await before.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            if (_namespaces.TryGetValue(ns, out NamespaceReader? changed)) changed.ForgetAge();
            _listedAt = null;
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);

        // Whoever is inside ends now; nobody comes in any more.
        await _gate.WaitAsync().ConfigureAwait(false);
        if (_reading is { } last) await last.WaitAsync(Timeout, TimeProvider.System).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (NamespaceReader one in _namespaces.Values) await one.DisposeAsync().ConfigureAwait(false);
        _namespaces.Clear();
    }

    private StoreState State => new(_store.Description, _warnings, _unavailableSince, _lastError, _store.Reconnects);

    private async Task<T> LookAsync<T>(Func<CancellationToken, Task> read, Func<T> show, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        await _gate.WaitAsync(either.Token).ConfigureAwait(false);
        try
        {
            // Those who waited for a look that failed do not wait for another.
            if (IsOlder(_failedAt, MaxAge)) await TryReadAsync(read, either.Token).ConfigureAwait(false);
            return show();
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task TryReadAsync(Func<CancellationToken, Task> read, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Timeout, _time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            // There is never a second read beside the first: what somebody asked for who has left meanwhile, or what does not heed its token, ends before.
            if (_reading is { IsCompleted: false } before) await before.WaitAsync(bound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            bound.Token.ThrowIfCancellationRequested();
            _reading = ReadAllAsync(read).Observed();
            await _reading.WaitAsync(bound.Token).ConfigureAwait(false);
            (_failedAt, _unavailableSince, _lastError) = (null, null, null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Fail($"It did not answer within {Timeout.TotalSeconds} s.");
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            Fail(e.Message);
        }
    }

    // Not on the token of who asks: if that one leaves, the read is nobody's failure, and what it has read is the next one's.
    private async Task ReadAllAsync(Func<CancellationToken, Task> read)
    {
        using var timeout = new CancellationTokenSource(Timeout, _time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _closing.Token);
        await ListAsync(bound.Token).ConfigureAwait(false);
        await read(bound.Token).ConfigureAwait(false);
    }

    private void Fail(string error)
    {
        _failedAt = _time.GetTimestamp();
        _unavailableSince ??= _time.GetUtcNow();
        _lastError = error;
    }

    private bool IsOlder(long? timestamp, TimeSpan age) => timestamp is not { } at || _time.GetElapsedTime(at) >= age;

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        if (!IsOlder(_listedAt, ListAge)) return;
        _warnings = await _store.CheckAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
        IReadOnlyList<string> listed = await _store.Timers.NamespacesAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
        if (_store.Maintenance is { } maintenance)
        {
            IReadOnlyList<NamespaceRef> all = await maintenance.ListAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
            _lockers = [.. all.Where(static one => one.Kind == TransferKind.Locks).Select(static one => one.Namespace).Union(_knownLockers).Order(StringComparer.Ordinal)];
        }

        var there = listed.ToHashSet(StringComparer.Ordinal);
        foreach (string gone in _namespaces.Keys.Where(ns => !there.Contains(ns)).ToArray())
        {
            if (_namespaces.TryRemove(gone, out NamespaceReader? reader)) await reader.DisposeAsync().ConfigureAwait(false);
        }

        foreach (string ns in listed) Add(ns);
        _listedAt = _time.GetTimestamp();
    }

    private void Add(string ns) => _namespaces.GetOrAdd(ns, static (ns, monitor) => new NamespaceReader(monitor._store, ns, monitor._time), this);

    // Those that were never read, or not since somebody looks again, then the others in turn; of either those first that were tried longest ago, so that neither a
    // look that ends halfway nor a namespace that fails keeps any from its turn.
    private async Task ReadSliceAsync(CancellationToken cancellationToken)
    {
        if (!IsOlder(_slicedAt, MaxAge)) return;
        if (IsOlder(_lookedAt, PauseAge)) _lookingSince = _time.GetTimestamp();
        _lookedAt = _time.GetTimestamp(); // also of a look that fails: whoever looks again continues what it has begun
        NamespaceReader[] inTurn = [.. _namespaces.Values.OrderBy(static one => one.TriedAt)];
        NamespaceReader[] due = [.. inTurn.Where(one => !one.WasReadSince(_lookingSince)).Take(MaxFirst)];
        await ReadAsync(due.Length > 0 ? due : inTurn.Take(Slice), cancellationToken).ConfigureAwait(false);
        _slicedAt = _time.GetTimestamp();
    }

    private async Task ReadLockersAsync(CancellationToken cancellationToken)
    {
        if (!IsOlder(_lockersReadAt, ListAge)) return;
        List<LockerRow> rows = [];
        foreach (string[] some in _lockers.Take(MaxLockers).Chunk(AtATime)) rows.AddRange(await Task.WhenAll(some.Select(ns => ReadLockerAsync(ns, cancellationToken))).ConfigureAwait(false));
        _lockerRows = [.. rows, .. _lockers.Skip(MaxLockers).Select(static ns => new LockerRow(ns, null))];
        _lockersReadAt = _time.GetTimestamp();
    }

    private async Task<LockerRow> ReadLockerAsync(string ns, CancellationToken cancellationToken)
    {
        try
        {
            return new LockerRow(ns, await _store.Locks.GetStatsAsync(ns, cancellationToken).OffStoreThread().ConfigureAwait(false));
        }
        catch (LatchworkStoreException e) when (e is { Outcome: StoreOutcome.NotApplied, IsTransient: false })
        {
            return new LockerRow(ns, null); // this namespace, not the store
        }
    }

    private static async Task ReadAsync(IEnumerable<NamespaceReader> readers, CancellationToken cancellationToken)
    {
        foreach (NamespaceReader[] some in readers.Chunk(AtATime))
        {
            await Task.WhenAll(some.Select(one => one.ReadAsync(cancellationToken))).ConfigureAwait(false);
        }
    }
}
