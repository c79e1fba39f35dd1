namespace Latchwork.Threading;

/// <summary>
/// The execution context of nobody. What lasts for long is begun in it: with the flow of the caller's suppressed instead, it would continue in that
/// of whoever completes what it awaits.
/// </summary>
internal static class DefaultContext
{
    private static readonly ExecutionContext _context = Capture();

    /// <summary>Calls something in it, immediately.</summary>
    public static void Run(ContextCallback callback, object state) => ExecutionContext.Run(_context, callback, state);

    private static ExecutionContext Capture()
    {
        ExecutionContext? context = null;
        var thread = new Thread(() => context = ExecutionContext.Capture()) { IsBackground = true };
        thread.UnsafeStart(); // without the context of whoever comes here first
        thread.Join();
        return context!;
    }
}
