namespace Latchwork.Tools;

/// <summary>What the process returns; <c>once</c> also passes on any exit code of its command.</summary>
internal static class ExitCodes
{
    /// <summary>It was done.</summary>
    public const int Done = 0;

    /// <summary>The store, or something else that is not the caller's fault, failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line, a file or a value is wrong; nothing was sent for it.</summary>
    public const int BadInput = 2;

    /// <summary>There is no such event or key.</summary>
    public const int NotFound = 3;

    /// <summary>The event is in a state that does not allow it: it exists, is in flight, is dead, or the token is stale.</summary>
    public const int Conflict = 4;

    /// <summary>What was waited for did not come in time.</summary>
    public const int TimedOut = 5;

    /// <summary>The lease of the key was lost while the command ran; it was stopped, and nothing was published.</summary>
    public const int LostLease = 6;

    /// <summary>The number of the signal of Ctrl-C.</summary>
    public const int Interrupt = 2;

    /// <summary>The user pressed Ctrl-C. After another signal it is 128 and the number of that signal instead.</summary>
    public const int Interrupted = 128 + Interrupt;
}
