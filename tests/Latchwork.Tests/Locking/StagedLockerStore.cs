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
internal sealed class StagedLockerStore(ILockerStore inner) : DelegatingLockerStore
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

    public override Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) => CallAsync("request", async () =>
    {
        LockerReply reply = await inner.RequestAsync(key, request, cancellationToken);
        Replies.Add(reply);
        return reply;
    });

    public override Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) => CallAsync<IAsyncDisposable>("subscribe", async () =>
    {
        NotifyNow = onNotified;
        IAsyncDisposable subscription = await inner.SubscribeAsync(key, notification => { if (NotificationsWork) onNotified(notification); }, cancellationToken);
        Interlocked.Increment(ref OpenSubscriptions);
        return new Ending(this, subscription);
    });

    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ILockerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        CallAsync(operation, () => call(inner, args, cancellationToken));

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
