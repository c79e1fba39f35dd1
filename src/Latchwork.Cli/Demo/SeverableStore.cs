using Latchwork.Storage;

namespace Latchwork.Cli.Demo;

/// <summary>
/// A store that can be cut off, as if the machine's plug were pulled: from then on nothing is sent, no answer is heard and no bell rings.
/// What was sent before may have happened.
/// </summary>
internal sealed class SeverableStore : LatchworkStore
{
    private readonly LatchworkStore _inner;
    private readonly Plug _plug = new();

    /// <summary>Wraps a store, which is not disposed with this one.</summary>
    public SeverableStore(LatchworkStore inner)
    {
        _inner = inner;
        Timers = new SeverableTimers(inner.Timers, _plug);
        Locks = new SeverableLocks(inner.Locks, _plug);
    }

    public override ITimerStore Timers { get; }

    public override ILockerStore Locks { get; }

    public override string Description => _inner.Description;

    public void Sever() => _plug.Pull();

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
