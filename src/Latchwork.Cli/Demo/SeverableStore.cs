using Latchwork.Storage;

namespace Latchwork.Cli.Demo;

/// <summary>
/// A store that can be cut off, as if the machine's plug were pulled: from then on nothing is sent, no answer is heard and no bell rings.
/// What was sent before may have happened.
/// </summary>
internal sealed class SeverableStore : LatchworkStore
{
    private readonly LatchworkStore _inner;
    private readonly SeverableTimers _timers;

    /// <summary>Wraps a store, which is not disposed with this one.</summary>
    public SeverableStore(LatchworkStore inner)
    {
        _inner = inner;
        _timers = new SeverableTimers(inner.Timers);
    }

    public override ITimerStore Timers => _timers;

    public override ILockerStore Locks => _inner.Locks;

    public override string Description => _inner.Description;

    public void Sever() => _timers.IsSevered = true;

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
