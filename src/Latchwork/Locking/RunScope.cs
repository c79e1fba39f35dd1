namespace Latchwork.Locking;

/// <summary>
/// The runs inside which code is: whoever asks there for the key of one of them would wait for itself. It goes with the execution context, so that
/// whatever a factory calls, or begins, is inside its run until the run is over.
/// </summary>
internal sealed class RunScope : IDisposable
{
    private static readonly AsyncLocal<RunScope?> _current = new();

    private readonly RunScope? _outer;
    private Run? _run; // null once it is over, as contexts may live on for long

    private RunScope(LockerCore core, HeldLock held, RunScope? outer) => (_run, _outer) = (new Run(core, held), outer);

    /// <summary>Enters the run of a key, for the async method that calls this and all that it calls.</summary>
    public static RunScope Enter(LockerCore core, HeldLock held)
    {
        RunScope? outer = _current.Value;
        while (outer is { _run: null }) outer = outer._outer;
        var scope = new RunScope(core, held, outer);
        _current.Value = scope;
        return scope;
    }

    /// <summary>Refuses a wait for a key that is being run around the caller.</summary>
    /// <exception cref="LockRecursionException">It is.</exception>
    public static void Check(LockerCore core, string key)
    {
        for (RunScope? scope = _current.Value; scope is not null; scope = scope._outer)
        {
            if (Volatile.Read(ref scope._run) is not { } run || run.Lock.Key != key || !run.Core.IsSameNamespace(core) || !run.Lock.IsHeld) continue;
            throw new LockRecursionException(
                $"The key '{key}' of the namespace '{core.Options.Namespace}' is asked for inside the factory that runs for it: it would wait for itself.");
        }
    }

    /// <summary>The run is over.</summary>
    public void Dispose() => Volatile.Write(ref _run, null);

    private sealed record Run(LockerCore Core, HeldLock Lock);
}
