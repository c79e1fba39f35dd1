using Latchwork.Connecting;
using Latchwork.Storage;
using Latchwork.Storage.InMemory;
using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>A store in this process's memory: complete, for tests and demonstrations. Nothing survives the process.</summary>
public sealed class InMemoryStore : LatchworkStore
{
    private readonly InMemoryTimerStore _timers;
    private readonly InMemoryLockerStore _locks;
    private readonly TimeProvider _timeProvider;
    private readonly ServerClock _clock;

    /// <summary>Creates an empty store.</summary>
    /// <param name="timeProvider">Its clock; null for the machine's.</param>
    public InMemoryStore(TimeProvider? timeProvider = null)
    {
        _timeProvider = timeProvider ?? TimeProvider.System;
        _clock = new ServerClock(_timeProvider);
        _timers = new InMemoryTimerStore(_timeProvider);
        _locks = new InMemoryLockerStore(_timeProvider);
    }

    /// <inheritdoc/>
    public override ITimerStore Timers => _timers;

    /// <inheritdoc/>
    public override ILockerStore Locks => _locks;

    /// <inheritdoc/>
    public override string Description => "memory:";

    /// <inheritdoc/>
    public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<IReadOnlyList<StoreWarning>>(cancellationToken);
        return Task.FromResult<IReadOnlyList<StoreWarning>>(_clock.Check(_timeProvider.GetMicroseconds()) is { } warning ? [warning] : []);
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _timers.Close();
        _locks.Close();
        return ValueTask.CompletedTask;
    }
}
