using Latchwork.Storage;
using Latchwork.Storage.InMemory;

namespace Latchwork;

/// <summary>A store in this process's memory: complete, for tests and demonstrations. Nothing survives the process.</summary>
public sealed class InMemoryStore : LatchworkStore
{
    private readonly InMemoryTimerStore _timers;

    /// <summary>Creates an empty store.</summary>
    /// <param name="timeProvider">Its clock; null for the machine's.</param>
    public InMemoryStore(TimeProvider? timeProvider = null)
    {
        _timers = new InMemoryTimerStore(timeProvider ?? TimeProvider.System);
    }

    /// <inheritdoc/>
    public override ITimerStore Timers => _timers;

    /// <inheritdoc/>
    public override ILockerStore Locks => throw new NotSupportedException("The in-memory store has no locker operations yet.");

    /// <inheritdoc/>
    public override string Description => "memory:";

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _timers.Close();
        return ValueTask.CompletedTask;
    }
}
