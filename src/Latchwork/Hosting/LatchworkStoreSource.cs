using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>Opens a store for a service collection. A store's package makes one in its <c>Use…</c> method and gives it to <see cref="LatchworkBuilder.UseStore(string, Func{IServiceProvider, Microsoft.Extensions.Configuration.IConfigurationSection?, LatchworkStoreSource})"/>.</summary>
[Experimental("LATCHWORK001")]
public abstract class LatchworkStoreSource
{
    /// <summary>Where the store is, for messages to people: never with a password.</summary>
    public abstract string Description { get; }

    /// <summary>What is wrong with the settings: a sentence for each, with its value, but never a password. Empty if all is well.</summary>
    public abstract IReadOnlyList<string> Failures { get; }

    /// <summary>Opens the store. It is asked again when that fails, until it succeeds or the application stops.</summary>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <returns>The store. It is disposed with the service provider.</returns>
    /// <exception cref="LatchworkStoreException">The store cannot be opened.</exception>
    public abstract Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken);
}

/// <summary>A store that is at hand immediately.</summary>
internal sealed class ReadyStoreSource(Func<LatchworkStore> open, string description) : LatchworkStoreSource
{
    public LatchworkStore Open() => open();

    public override string Description => description;

    public override IReadOnlyList<string> Failures => [];

    public override Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken) => Task.FromResult(open());
}

/// <summary>A store that belongs to somebody else, who disposes it.</summary>
internal sealed class BorrowedStore(LatchworkStore inner) : LatchworkStore
{
    public override ITimerStore Timers => inner.Timers;

    public override ILockerStore Locks => inner.Locks;

    public override ITimerTransactions? TimerTransactions => inner.TimerTransactions;

    public override ILockerTransactions? LockerTransactions => inner.LockerTransactions;

    public override string Description => inner.Description;

    public override IStoreMaintenance? Maintenance => inner.Maintenance;

    public override long Reconnects => inner.Reconnects;

    public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default) => inner.CheckAsync(cancellationToken);

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
