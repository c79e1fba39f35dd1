using Latchwork.Storage;
using Latchwork.Storage.InMemory;

namespace Latchwork;

/// <summary>A store in this process's memory: complete, for tests and demonstrations. Nothing survives the process.</summary>
public sealed class InMemoryStore : LatchworkStore
{
    private readonly InMemoryTimerStore _timers;
    private readonly InMemoryLockerStore _locks;

    /// <summary>Creates an empty store.</summary>
    /// <param name="timeProvider">Its clock; null for the machine's.</param>
    public InMemoryStore(TimeProvider? timeProvider = null)
    {
        _timers = new InMemoryTimerStore(timeProvider ?? TimeProvider.System);
        _locks = new InMemoryLockerStore(timeProvider ?? TimeProvider.System);
    }

    /// <inheritdoc/>
    public override ITimerStore Timers => _timers;

    /// <inheritdoc/>
    public override ILockerStore Locks => _locks;

    /// <inheritdoc/>
    public override string Description => "memory:";

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _timers.Close();
        _locks.Close();
        return ValueTask.CompletedTask;
    }
}
