namespace Latchwork.Storage;

/// <summary>Passes every operation on to another store: for stores that do something besides at some of them.</summary>
/// <param name="inner">The other store.</param>
internal abstract class PassingLockerStore(ILockerStore inner) : DelegatingLockerStore
{
    protected sealed override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ILockerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        call(inner, args, cancellationToken);
}
