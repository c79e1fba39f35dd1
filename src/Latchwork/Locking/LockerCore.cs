using System.Collections.Concurrent;
using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.Threading;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchwork.Locking;

/// <summary>What the parts of one locker share: its store, its settings, its clocks, and the locks that it holds.</summary>
internal sealed class LockerCore
{
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan _longestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _newRetryTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Work that has ended by then costs neither an alarm nor a subscription of its own.</summary>
    private static readonly TimeSpan _short = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<(string Key, long FencingToken), HeldLock> _held = new();

    private readonly ILockerStore _plainStore;

    /// <param name="store">The store.</param>
    /// <param name="kind">What kind of store it is, for metrics.</param>
    /// <param name="options">The settings, which are this locker's own.</param>
    /// <param name="transactions">What the store offers for transactions of the application; throws if that is nothing.</param>
    public LockerCore(ILockerStore store, string kind, LockerOptions options, Func<ILockerTransactions> transactions)
    {
        Transactions = transactions;
        _plainStore = store;
        Store = new InstrumentedLockerStore(store, kind);
        Options = options;
        NodeId = options.NodeId ?? $"{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():N}";
        Clock = AlarmClock.For(options.TimeProvider);
        DefaultWait = options.WaitTimeout ?? options.LockTimeout;
        Waits = new DeadlineList(typeof(ProcessLocker), DefaultWait, time: options.TimeProvider);
        Leases = new DeadlineList(typeof(ProcessLocker), options.LeaseDuration / 3 < _short ? options.LeaseDuration / 3 : _short, time: options.TimeProvider);
        Counter = new RunCounter(this);
        Log = new SafeLogger((options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Latchwork.ProcessLocker"), leavesSharedThreads: true);
    }

    public ILockerStore Store { get; }

    public LockerOptions Options { get; }

    /// <summary>What the store offers for transactions of the application; throws if that is nothing.</summary>
    public Func<ILockerTransactions> Transactions { get; }

    public string NodeId { get; }

    public AlarmClock Clock { get; }

    public ILogger Log { get; }

    /// <summary>What this locker does.</summary>
    public RunCounter Counter { get; }

    /// <summary>How long a caller waits that does not say it.</summary>
    public TimeSpan DefaultWait { get; }

    /// <summary>The callers that wait for so long.</summary>
    public DeadlineList Waits { get; }

    /// <summary>The held locks at which nobody has to look for a quarter of a second (or a third of the lease): most end before, and need no alarm of their own.</summary>
    public DeadlineList Leases { get; }

    /// <summary>The locker behaves as if its process had been killed: nothing is sent any more. For tests.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>For how long an outcome is kept for those who wait: each of them polls at least twice in that time.</summary>
    public TimeSpan HandOver => 2 * Options.FallbackPollInterval;

    public IEnumerable<HeldLock> Held => _held.Values;

    /// <summary>Whether the keys of another locker are the same.</summary>
    public bool IsSameNamespace(LockerCore other) => ReferenceEquals(_plainStore, other._plainStore) && Options.Namespace == other.Options.Namespace;

    /// <summary>A key as logs above Debug have it.</summary>
    public string Shown(string key) => Options.LogKeys ? key : "(not logged)";

    public LockerKey KeyOf(string key) => new(Options.Namespace, key);

    public void Remember(HeldLock held) => _held[(held.Key, held.FencingToken)] = held;

    public void Remove(HeldLock held) => _held.TryRemove(new((held.Key, held.FencingToken), held));

    public HeldLock? FindHeld(string key, long fencingToken) => _held.GetValueOrDefault((key, fencingToken));

    public TimeSpan Since(long timestamp) => Options.TimeProvider.GetElapsedTime(timestamp);

    /// <summary>
    /// Does something at the store until there is an answer. Every operation of a locker store can be repeated, so an unknown outcome is no
    /// obstacle. A fault that will not pass by itself, or continues for longer than <see cref="LockerOptions.StoreRetryTimeout"/>, is thrown.
    /// </summary>
    /// <param name="operation">What to do.</param>
    /// <param name="shouldRetry">Whether there is still a point in another attempt.</param>
    /// <param name="cancellationToken">Ends the pauses in between.</param>
    /// <param name="isNew">Whether a call begins with it, which has waited for nothing yet; see <see cref="CanRepeat"/>.</param>
    public Task<T> RepeatAsync<T>(Func<Task<T>> operation, Func<bool> shouldRetry, CancellationToken cancellationToken, bool isNew = false) =>
        RepeatAsync(operation, shouldRetry, Clock.Now, null, cancellationToken, isNew);

    /// <summary>The same after a first attempt, which most need no other than, and which costs less without this.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="shouldRetry">Whether there is still a point in another attempt.</param>
    /// <param name="start">When it was begun.</param>
    /// <param name="fault">How it has failed; see <see cref="CanRepeat"/>. Null if there was none yet.</param>
    /// <param name="cancellationToken">Ends the pauses in between.</param>
    /// <param name="isNew">See <see cref="CanRepeat"/>.</param>
    public async Task<T> RepeatAsync<T>(
        Func<Task<T>> operation, Func<bool> shouldRetry, long start, LatchworkStoreException? fault, CancellationToken cancellationToken, bool isNew = false)
    {
        TimeSpan pause = _firstPause;
        bool mayHaveHappened = false;
        for (int failed = 0; ;)
        {
            if (fault is not null)
            {
                mayHaveHappened |= fault.Outcome == StoreOutcome.Unknown;
                Log.StoreFault(fault, Options.Namespace, ++failed);
                await Task.Delay(pause, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < _longestPause ? pause * 2 : _longestPause;
            }

            try
            {
                return await operation().ConfigureAwait(false);
            }
            catch (LatchworkStoreException e) when (CanRepeat(e, start, isNew) && shouldRetry())
            {
                fault = e;
            }
            catch (LatchworkStoreException e) when (mayHaveHappened && e.Outcome == StoreOutcome.NotApplied)
            {
                throw new LatchworkStoreException($"{e.Message} An earlier attempt may have been applied.", StoreOutcome.Unknown, e) { IsTransient = e.IsTransient };
            }
        }
    }

    /// <summary>Frees what a request may have been granted whose answer never came. Never throws.</summary>
    public Task GiveBackAsync(string key, string nonce) => GiveBackAsync(key, null, nonce);

    /// <summary>Frees a key for which there is nobody to hold it. Never throws: what cannot be freed is left to its lease.</summary>
    public async Task GiveBackAsync(string key, long? fencingToken, string nonce)
    {
        try
        {
            if (!IsAbandoned) await Store.ReleaseAsync(KeyOf(key), fencingToken, nonce, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            Log.ReleaseFailed(e, Shown(key), Options.Namespace);
        }
    }

    /// <summary>Ends a subscription to a key. Never throws.</summary>
    public async Task UnsubscribeAsync(string key, IAsyncDisposable subscription)
    {
        try
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            Log.SubscriptionFailed(e, Shown(key), Options.Namespace);
        }
    }

    /// <summary>Whether another attempt may end otherwise, and the outage has not lasted too long.</summary>
    /// <param name="fault">How the last one ended.</param>
    /// <param name="start">When the first one began.</param>
    /// <param name="isNew">
    /// Whether it is the first that the store is asked in a call. Who begins while the store is down learns it soon, as by a post; who waited or worked before the outage
    /// has something to lose, and gets through it.
    /// </param>
    public bool CanRepeat(LatchworkStoreException fault, long start, bool isNew = false) =>
        (fault.IsTransient || fault.Outcome == StoreOutcome.Unknown) && Since(start) < (isNew && _newRetryTimeout < Options.StoreRetryTimeout ? _newRetryTimeout : Options.StoreRetryTimeout);
}
