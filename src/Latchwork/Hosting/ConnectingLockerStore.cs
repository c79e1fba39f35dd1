using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The locker operations of a <see cref="ConnectingStore"/>: passed on immediately when the store is open, else when it is.</summary>
internal sealed class ConnectingLockerStore(ConnectingStore owner) : DelegatingLockerStore
{
    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ILockerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        owner.PassAsync(store => call(store.Locks, args, cancellationToken), cancellationToken);
}
