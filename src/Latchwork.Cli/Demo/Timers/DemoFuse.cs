namespace Latchwork.Cli.Demo.Timers;

/// <summary>
/// Decides which listener is killed, and when: after it is armed, the first that holds enough events at the same time. So the kill always
/// hurts, whichever listener took the burst.
/// </summary>
internal sealed class DemoFuse
{
    /// <summary>How many events the victim holds when it is killed, at least.</summary>
    private const int Enough = 20;

    private readonly TaskCompletionSource<DemoListener> _burnt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _armed;
    private int _spent;

    /// <summary>Completes with the listener that is dead now.</summary>
    public Task<DemoListener> Burnt => _burnt.Task;

    public void Arm() => _armed = true;

    /// <summary>Asks whether a listener is to die now. Says yes once.</summary>
    public bool Burns(int inHand) => _armed && inHand >= Enough && Burns();

    /// <summary>Asks whether a listener may die at all: yes once.</summary>
    public bool Burns() => Interlocked.Exchange(ref _spent, 1) == 0;

    public void Report(DemoListener victim) => _burnt.TrySetResult(victim);
}
