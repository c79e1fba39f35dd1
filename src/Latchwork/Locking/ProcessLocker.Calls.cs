using System.Collections.Concurrent;
using Latchwork.Diagnostics;
using Latchwork.Locking;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <content>How calls reach the store, and how all of them end.</content>
public sealed partial class ProcessLocker
{
    private readonly ConcurrentDictionary<string, KeyFlight> _flights = new();
    private readonly ConcurrentDictionary<string, KeyFlight> _lockFlights = new();
    private readonly object _openGate = new();
    private readonly long _registerEvery;
    private Task? _opened;
    private long _registeredAt;
    private volatile bool _disposed;

    /// <summary>How many keys are waited for or held through a flight.</summary>
    internal int OpenFlights => _flights.Count + _lockFlights.Count;

    /// <summary>How many keys are held.</summary>
    internal int HeldLocks => _core.Held.Count();

    /// <inheritdoc/>
    public async Task<WorkLease?> TryAcquireAsync(string key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // The request itself is not cancelled: what it is granted has to be given back.
        Task<HeldLock?> acquiring = TryTakeAsync(key);
        try
        {
            HeldLock? held = await acquiring.WaitAsync(cancellationToken).ConfigureAwait(false);
            return held is null ? null : new WorkLease(_core, held, isShared: false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = acquiring.ContinueWith(
                static task => task.Result?.ReleaseAsync(),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default);
            await CallerThread.Yield(); // this thread is the canceller's
            throw;
        }
    }

    /// <summary>
    /// Releases what this locker holds and ends what waits: callers get an <see cref="ObjectDisposedException"/>, the tokens of leases and of
    /// work fire. Work has <see cref="LockerOptions.ShutdownTimeout"/> to end before its key is left to its lease. The store stays open.
    /// </summary>
    /// <returns>A task that ends when this locker holds nothing more.</returns>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        var reason = new ObjectDisposedException(nameof(ProcessLocker));
        await EndAllAsync(reason).ConfigureAwait(false);

        // Work that is being stopped, as nobody waits for it any more, has its time here, too; what has none is a lock that was tried.
        await Task.WhenAll(_core.Held.Select(held => held.Flight?.ShutDownAsync(reason) ?? held.ReleaseAsync(lost: true))).ConfigureAwait(false);
        await _core.Counter.EndAsync().ConfigureAwait(false);
        _core.Waits.StopAlarm();
        _core.Leases.StopAlarm();
        if (CallerThread.IsShared) await CallerThread.Yield();
    }

    /// <summary>Behaves as if the process had been killed: nothing is sent any more, nothing released. For tests.</summary>
    internal void Abandon()
    {
        _core.IsAbandoned = true;
        _disposed = true;
        foreach (HeldLock held in _core.Held) held.LeaveToLease();
        _ = EndAllAsync(new ObjectDisposedException(nameof(ProcessLocker)));
    }

    private Task EndAllAsync(ObjectDisposedException reason) =>
        Task.WhenAll(_flights.Values.Concat(_lockFlights.Values).Select(flight => flight.ShutDownAsync(reason)));

    private bool ShouldRetry() => !_disposed;

    private int CountWaiters(string key) =>
        (_flights.TryGetValue(key, out KeyFlight? flight) ? flight.Count : 0) + (_lockFlights.TryGetValue(key, out flight) ? flight.Count : 0);

    private Task OpenAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Task opened;
        lock (_openGate)
        {
            if (_opened is null or { IsFaulted: true } or { IsCanceled: true }) DefaultContext.Run(static self => ((ProcessLocker)self!)._opened = ((ProcessLocker)self)!.OpenOnceAsync(), this);
            opened = _opened!;
        }

        if (!opened.IsCompletedSuccessfully) return WaitAsync(opened.WaitAsync(cancellationToken));
        RegisterAgainIfDue();
        return opened;

        // All first callers wait for it; none of them continues where the others are answered.
        static async Task WaitAsync(Task opening)
        {
            await opening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await CallerThread.Yield();
            await opening.ConfigureAwait(false);
        }
    }

    private async Task OpenOnceAsync() => await _core.RepeatAsync(
        async () =>
        {
            await _core.Store.OpenAsync(Namespace, CancellationToken.None).ConfigureAwait(false);
            return true;
        },
        ShouldRetry,
        CancellationToken.None,
        isNew: true).OffStoreThread().ConfigureAwait(false);

    // A server that comes back empty knows the keys that are used from then on, but not their namespace: who lists or moves all would leave them out.
    private void RegisterAgainIfDue()
    {
        long now = _core.Clock.Now, last = Volatile.Read(ref _registeredAt);
        if (now - last < _registerEvery || Interlocked.CompareExchange(ref _registeredAt, now, last) != last) return;
        DefaultContext.Run(static self => _ = ((ProcessLocker)self!).RegisterAgainAsync(), this);
    }

    private async Task RegisterAgainAsync()
    {
        try
        {
            if (!_core.IsAbandoned) await _core.Store.OpenAsync(Namespace, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            _core.Log.RegistrationFailed(e, Namespace); // calls that need the namespace find the same fault themselves
        }
    }

    /// <summary>Asks the store for a key, which may be new.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ask">What to ask.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    private async Task<T> AskAsync<T>(string key, Func<LockerKey, Task<T>> ask, CancellationToken cancellationToken)
    {
        Limits.CheckId(key);
        cancellationToken.ThrowIfCancellationRequested();
        await OpenAsync(cancellationToken).ConfigureAwait(false);
        return await SendAsync(key, ask, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads a key, or changes what is there: a namespace that was never used is not made.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ask">What to ask.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <param name="isNew">Whether there is nothing to lose yet; see <see cref="LockerCore.CanRepeat"/>.</param>
    private async Task<T> SendAsync<T>(string key, Func<LockerKey, Task<T>> ask, CancellationToken cancellationToken, bool isNew = true)
    {
        Limits.CheckId(key);
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_disposed, this);
        return await _core.RepeatAsync(() => ask(_core.KeyOf(key)), ShouldRetry, cancellationToken, isNew).OffStoreThread().ConfigureAwait(false);
    }

    private async Task<PublishOutcome> PublishAsync(string key, long fencingToken, RunValue value, TimeSpan freshFor, CancellationToken cancellationToken)
    {
        Limits.CheckId(key);
        cancellationToken.ThrowIfCancellationRequested();
        if (_core.FindHeld(key, fencingToken) is { } held)
        {
            return await held.PublishAsync(value, freshFor, null, cancellationToken, isForUser: true).ConfigureAwait(false);
        }

        var publication = new LockerPublication(fencingToken, Nonce: null, value.Kind, value.Data, freshFor, _core.HandOver);
        PublishOutcome outcome = await SendAsync(key, k => _core.Store.PublishAsync(k, publication, cancellationToken), cancellationToken, isNew: false).ConfigureAwait(false);
        if (outcome == PublishOutcome.Accepted && value.Kind == LockerOutcomeKind.Failure) _core.Counter.Failed();
        return outcome;
    }

    /// <summary>Asks once, not through a flight: nobody is waited for.</summary>
    private async Task<HeldLock?> TryTakeAsync(string key)
    {
        var request = new LockerRequest(
            NodeId, Nonces.Next(), _core.Options.LeaseDuration, _core.Options.LockTimeout, WaitingFor: null, LockOnly: true);
        long? firstSent = null;
        long sent = 0;
        LockerReply reply;
        try
        {
            reply = await AskAsync(
                key,
                k =>
                {
                    sent = _core.Clock.Now;
                    firstSent ??= sent;
                    return _core.Store.RequestAsync(k, request, CancellationToken.None);
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.Unknown)
        {
            await _core.GiveBackAsync(key, request.Nonce).ConfigureAwait(false);
            throw;
        }

        if (reply is not LockGranted granted) return null;
        var held = new HeldLock(_core, key, request.Nonce, granted, firstSent!.Value, sent);
        if (!_disposed) return held;
        await held.ReleaseAsync().OffStoreThread().ConfigureAwait(false);
        throw new ObjectDisposedException(nameof(ProcessLocker));
    }

    private Task<CallerAnswer> JoinAsync(
        ConcurrentDictionary<string, KeyFlight> flights, string key, FlightCaller caller, TimeSpan? waitTimeout, CancellationToken cancellationToken) =>
        Metrics.LockWait.Enabled || Tracing.Source.HasListeners()
            ? MeasureJoinAsync(flights, key, caller, waitTimeout, cancellationToken)
            : JoinFlightAsync(flights, key, caller, waitTimeout, cancellationToken);

    private Task<CallerAnswer> MeasureJoinAsync(
        ConcurrentDictionary<string, KeyFlight> flights, string key, FlightCaller caller, TimeSpan? waitTimeout, CancellationToken cancellationToken) =>
        Waiting.MeasureAsync(Namespace, _core.Clock, caller, () => JoinFlightAsync(flights, key, caller, waitTimeout, cancellationToken));

    private Task<CallerAnswer> JoinFlightAsync(
        ConcurrentDictionary<string, KeyFlight> flights, string key, FlightCaller caller, TimeSpan? waitTimeout, CancellationToken cancellationToken)
    {
        Limits.CheckId(key);
        if (waitTimeout is { } given) Limits.CheckDuration(given, Limits.MinWait, Limits.MaxDelay, nameof(waitTimeout));
        cancellationToken.ThrowIfCancellationRequested();
        RunScope.Check(_core, key);
        TimeSpan wait = waitTimeout ?? _core.DefaultWait;
        Task opened = OpenAsync(cancellationToken);
        return opened.IsCompletedSuccessfully ? Join(flights, key, caller, wait, cancellationToken) : JoinWhenOpenAsync(opened, flights, key, caller, wait, cancellationToken);
    }

    private async Task<CallerAnswer> JoinWhenOpenAsync(
        Task opened, ConcurrentDictionary<string, KeyFlight> flights, string key, FlightCaller caller, TimeSpan wait, CancellationToken cancellationToken)
    {
        await opened.ConfigureAwait(false);
        return await Join(flights, key, caller, wait, cancellationToken).ConfigureAwait(false);
    }

    private Task<CallerAnswer> Join(ConcurrentDictionary<string, KeyFlight> flights, string key, FlightCaller caller, TimeSpan wait, CancellationToken cancellationToken)
    {
        bool lockOnly = ReferenceEquals(flights, _lockFlights);
        KeyFlight flight;
        do
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            flight = flights.GetOrAdd(key, static (key, call) => new KeyFlight(call._core, key, call.lockOnly, call.flights), (_core, lockOnly, flights));
        }
        while (!flight.TryJoin(caller));
        if (_disposed) _ = flight.ShutDownAsync(new ObjectDisposedException(nameof(ProcessLocker)));
        return caller.WaitAsync(flight, wait, cancellationToken);
    }
}
