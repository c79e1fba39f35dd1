namespace Latchwork.Locking;

/// <summary>
/// The runs inside which code is: whoever asks there for the key of one of them would wait for itself. It goes with the execution context, so that
/// whatever a factory calls, or begins, is inside its run until the run is over.
/// </summary>
internal sealed class RunScope : IDisposable
{
    private static readonly AsyncLocal<RunScope?> _current = new();

    private readonly LockerCore _core;
    private readonly string _key;
    private readonly RunScope? _outer;
    private volatile bool _isOver;

    private RunScope(LockerCore core, string key, RunScope? outer) => (_core, _key, _outer) = (core, key, outer);

    /// <summary>Enters the run of a key, for the async method that calls this and all that it calls.</summary>
    public static RunScope Enter(LockerCore core, string key)
    {
        var scope = new RunScope(core, key, _current.Value);
        _current.Value = scope;
        return scope;
    }

    /// <summary>Refuses a wait for a key that is being run around the caller.</summary>
    /// <exception cref="LockRecursionException">It is.</exception>
    public static void Check(LockerCore core, string key)
    {
        for (RunScope? scope = _current.Value; scope is not null; scope = scope._outer)
        {
            if (scope._isOver || scope._key != key || !scope._core.IsSameNamespace(core)) continue;
            throw new LockRecursionException(
                $"The key '{key}' of the namespace '{core.Options.Namespace}' is asked for inside the factory that runs for it: it would wait for itself.");
        }
    }

    /// <summary>The run is over.</summary>
    public void Dispose() => _isOver = true;
}
