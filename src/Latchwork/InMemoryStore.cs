using Latchwork.Storage;

namespace Latchwork;

/// <summary>A store in this process's memory: complete, for tests and demonstrations. Nothing survives the process.</summary>
public sealed class InMemoryStore : LatchworkStore
{
    /// <summary>Creates an empty store.</summary>
    /// <param name="timeProvider">Its clock; null for the machine's.</param>
    public InMemoryStore(TimeProvider? timeProvider = null) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override ITimerStore Timers => throw new NotImplementedException();

    /// <inheritdoc/>
    public override string Description => "memory:";

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => throw new NotImplementedException();
}
