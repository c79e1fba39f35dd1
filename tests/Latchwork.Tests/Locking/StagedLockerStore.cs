using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.Tests.Locking;

/// <summary>What happens to one call.</summary>
internal enum Fault
{
    None,

    /// <summary>The call throws immediately.</summary>
    Throws,

    /// <summary>It returns a task that has failed.</summary>
    Fails,

    /// <summary>It fails after a while, without having happened.</summary>
    FailsLater,

    /// <summary>It happens, but its answer is lost.</summary>
    LosesAnswer,
}

/// <summary>Stands between the engine and a store: counts calls, loses answers, drops notifications, and does things in between.</summary>
internal sealed class StagedLockerStore(ILockerStore inner) : ILockerStore
{
    private readonly ConcurrentDictionary<string, int> _calls = new();

    /// <summary>Decides what happens to the n-th call (from 1) of an operation.</summary>
    public Func<string, int, Fault> Plan { get; set; } = static (_, _) => Fault.None;

    /// <summary>Called when an operation has happened and before its answer is given.</summary>
    public Action<string, int> Happened { get; set; } = static (_, _) => { };

    /// <summary>Waited for before an operation happens.</summary>
    public Func<string, int, Task> Before { get; set; } = static (_, _) => Task.CompletedTask;

    /// <summary>Whether notifications get through.</summary>
    public bool NotificationsWork { get; set; } = true;

    public List<string> Order { get; } = [];

    public ConcurrentBag<LockerReply> Replies { get; } = [];

    public int OpenSubscriptions;

    public Action<LockerNotification?>? NotifyNow { get; private set; }

    public int Count(string operation) => _calls.GetValueOrDefault(operation);

    public Task OpenAsync(string ns, CancellationToken cancellationToken) => CallAsync("Open", async () =>
    {
        await inner.OpenAsync(ns, cancellationToken);
        return true;
    });

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) => CallAsync("Request", async () =>
    {
        LockerReply reply = await inner.RequestAsync(key, request, cancellationToken);
        Replies.Add(reply);
        return reply;
    });

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        CallAsync("Renew", () => inner.RenewAsync(key, fencingToken, nonce, lease, cancellationToken));

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        CallAsync("Publish", () => inner.PublishAsync(key, publication, cancellationToken));

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        CallAsync("Release", () => inner.ReleaseAsync(key, fencingToken, nonce, cancellationToken));

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        CallAsync("TryGet", () => inner.TryGetAsync(key, cancellationToken));

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        CallAsync("Forget", () => inner.ForgetAsync(key, lockTimeout, cancellationToken));

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        CallAsync("Show", () => inner.PeekAsync(key, cancellationToken));

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        CallAsync("AddCounts", async () =>
        {
            await inner.AddCountsAsync(ns, counts, cancellationToken);
            return true;
        });

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        CallAsync("GetStats", () => inner.GetStatsAsync(ns, cancellationToken));

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        CallAsync("List", () => inner.ListAsync(ns, cursor, limit, cancellationToken));

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) => CallAsync<IAsyncDisposable>("Subscribe", async () =>
    {
        NotifyNow = onNotified;
        IAsyncDisposable subscription = await inner.SubscribeAsync(key, notification => { if (NotificationsWork) onNotified(notification); }, cancellationToken);
        Interlocked.Increment(ref OpenSubscriptions);
        return new Ending(this, subscription);
    });

    private static LatchworkStoreException NotApplied() => new("the store is away", StoreOutcome.NotApplied) { IsTransient = true };

    private static LatchworkStoreException Unknown() => new("the answer is lost", StoreOutcome.Unknown);

    private Task<T> CallAsync<T>(string operation, Func<Task<T>> call)
    {
        int n = _calls.AddOrUpdate(operation, 1, static (_, count) => count + 1);
        lock (Order) Order.Add(operation);
        return Plan(operation, n) switch
        {
            Fault.Throws => throw NotApplied(),
            Fault.Fails => Task.FromException<T>(NotApplied()),
            Fault.FailsLater => FailLaterAsync<T>(),
            Fault.LosesAnswer => LoseAnswerAsync(operation, n, call),
            _ => ContinueAsync(operation, n, call),
        };
    }

    private async Task<T> ContinueAsync<T>(string operation, int n, Func<Task<T>> call)
    {
        await Before(operation, n).ConfigureAwait(false); // goes on where the answer came
        T answer = await call().ConfigureAwait(false);
        Happened(operation, n);
        return answer;
    }

    private static async Task<T> FailLaterAsync<T>()
    {
        await Task.Yield();
        throw NotApplied();
    }

    private async Task<T> LoseAnswerAsync<T>(string operation, int n, Func<Task<T>> call)
    {
        await call();
        Happened(operation, n);
        await Task.Yield();
        throw Unknown();
    }

    private sealed class Ending(StagedLockerStore store, IAsyncDisposable subscription) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            Interlocked.Decrement(ref store.OpenSubscriptions);
            return subscription.DisposeAsync();
        }
    }
}
