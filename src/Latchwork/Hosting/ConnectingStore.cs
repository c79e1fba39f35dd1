using Latchwork.Storage;
using Microsoft.Extensions.Logging;

namespace Latchwork.Hosting;

/// <summary>
/// The store of an application: at hand from the first moment, although the store behind it is opened in the background, again and again
/// until that succeeds. Until then operations wait, within a bound; afterwards they pass straight through.
/// </summary>
internal sealed class ConnectingStore : LatchworkStore
{
    private readonly LatchworkStoreSource _source;
    private readonly TimeSpan _wait;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<LatchworkStore> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly ConnectingStoreMaintenance _maintenance;
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile LatchworkStore? _store;
    private volatile Exception? _lastError;
    private volatile string? _description;
    private long _reconnects;
    private Task? _opening;

    /// <param name="source">Opens the store.</param>
    /// <param name="wait">How long an operation waits for it.</param>
    /// <param name="log">Told once when the store cannot be opened, and once when it is.</param>
    public ConnectingStore(LatchworkStoreSource source, TimeSpan wait, ILogger log)
    {
        _source = source;
        _wait = wait;
        _log = log;
        Timers = new ConnectingTimerStore(this);
        Locks = new ConnectingLockerStore(this);
        _maintenance = new ConnectingStoreMaintenance(this);
    }

    public override ITimerStore Timers { get; }

    public override ILockerStore Locks { get; }

    // Once known it stays the same, as it is an attribute of metrics: also when the store is closed.
    public override string Description => _description ?? _source.Description;

    /// <remarks>Asked for after an operation on the namespace, so that the store is open.</remarks>
    public override ITimerTransactions? TimerTransactions => _store?.TimerTransactions;

    public override ILockerTransactions? LockerTransactions => _store?.LockerTransactions;

    /// <remarks>Until the store is open nobody knows whether it has any: its steps wait for that, and are refused if it has none.</remarks>
    public override IStoreMaintenance? Maintenance => _store is { Maintenance: null } ? null : _maintenance;

    /// <summary>Why the store could not be opened the last time; null if it is open or was not tried yet.</summary>
    public Exception? LastError => _lastError;

    /// <summary>Begins to open the store, if nobody did before.</summary>
    /// <returns>Ends when it is open; cancelled when this is disposed.</returns>
    public Task<LatchworkStore> StartAsync()
    {
        lock (_gate) _opening ??= Task.Run(OpenAsync);
        return _opened.Task;
    }

    /// <summary>Passes an operation on: immediately when the store is open, else when it is.</summary>
    /// <exception cref="LatchworkStoreException">It is not open within the bound, or refuses.</exception>
    public Task<T> PassAsync<T>(Func<LatchworkStore, Task<T>> call, CancellationToken cancellationToken)
    {
        return _store is { } store ? call(store) : WaitAsync();

        async Task<T> WaitAsync() => await call(await GetAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>The store, once it is open.</summary>
    /// <exception cref="LatchworkStoreException">It is not open within the bound, or refuses.</exception>
    public async Task<LatchworkStore> GetAsync(CancellationToken cancellationToken)
    {
        if (_store is { } store) return store;
        // One task, and not any of two: those who give up must leave nothing behind on it, however long the outage lasts.
        Task news;
        lock (_gate) news = _news.Task;
        Task<LatchworkStore> opened = StartAsync();
        try
        {
            if (!opened.IsCompleted) await news.WaitAsync(_wait, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw NotOpen($"and was waited for {_wait}");
        }

        ObjectDisposedException.ThrowIf(opened.IsCanceled, typeof(LatchworkStore));
        return opened.IsCompletedSuccessfully ? await opened.ConfigureAwait(false) : throw NotOpen("and refuses");
    }

    /// <summary>The store, if it is open now.</summary>
    /// <exception cref="LatchworkStoreException">It is not.</exception>
    public LatchworkStore GetIfOpen() => _store ?? throw NotOpen("and is not waited for here");

    /// <remarks>A counter: it does not fall when the store is closed.</remarks>
    public override long Reconnects => _store?.Reconnects ?? Interlocked.Read(ref _reconnects);

    public override async Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default)
    {
        // Who asks how it is does not wait for it to get better: an attempt to open it has failed, and that is the answer.
        if (_store is null && _lastError is not null) throw NotOpen("and the last attempt failed");
        LatchworkStore store = await GetAsync(cancellationToken).ConfigureAwait(false);
        return await store.CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        Task? opening;
        lock (_gate) opening = _opening;
        if (opening is not null) await opening.ConfigureAwait(false);
        GiveUp();
        if (_store is not { } store) return;
        Interlocked.Exchange(ref _reconnects, store.Reconnects);
        if (Interlocked.CompareExchange(ref _store, null, store) == store) await store.DisposeAsync().ConfigureAwait(false);
    }

    private LatchworkStoreException NotOpen(string how)
    {
        Exception? lastError = _lastError;
        return new LatchworkStoreException(
            $"The store at {Description} has not been reached yet, {how}; it is tried again in the background.{(lastError is null ? "" : " " + lastError.Message)}",
            StoreOutcome.NotApplied,
            lastError)
        { IsTransient = lastError is not LatchworkStoreException { IsTransient: false } };
    }

    // Never throws.
    private async Task OpenAsync()
    {
        for (int n = 0; !_closing.IsCancellationRequested; n++)
        {
            try
            {
                LatchworkStore opened = await _source.OpenAsync(_closing.Token).ConfigureAwait(false);
                _description = opened.Description;
                _store = opened;
                bool hadFailed = _lastError is not null;
                _lastError = null;
                if (hadFailed) _log.StoreReached(Description);
                _opened.TrySetResult(_store);
                NotifyWaiters();
                return;
            }
            catch (OperationCanceledException) when (_closing.IsCancellationRequested)
            {
                _log.OpeningStopped(Description);
            }
#pragma warning disable CA1031 // Whatever it is, the application continues without its store, and the store is tried again.
            catch (Exception e)
#pragma warning restore CA1031
            {
                OnFailure(e);
            }

            await Task.Delay(Backoff.OfStore(n), TimeProvider.System, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        GiveUp();
    }

    private void GiveUp()
    {
        _opened.TrySetCanceled(CancellationToken.None);
        NotifyWaiters();
    }

    /// <summary>Wakes those who wait: the store is open, refuses, or is given up.</summary>
    private void NotifyWaiters()
    {
        TaskCompletionSource told;
        lock (_gate) (told, _news) = (_news, new(TaskCreationOptions.RunContinuationsAsynchronously));
        told.TrySetResult();
    }

    private void OnFailure(Exception e)
    {
        bool refuses = IsRefusal(e);
        Exception? before = _lastError;
        _lastError = e;
        // Once for each change: unreachable, and reachable but refusing.
        if (before is null || IsRefusal(before) != refuses) _log.StoreNotReached(e, Description);
        else _log.StoreStillNotReached(e, Description);
        if (refuses) NotifyWaiters();
    }

    private static bool IsRefusal(Exception e) => e is LatchworkStoreException { IsTransient: false };
}
