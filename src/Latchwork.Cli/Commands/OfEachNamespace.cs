namespace Latchwork.Cli.Commands;

/// <summary>Asks about one namespace after the other, for <c>--all</c>.</summary>
internal static class OfEachNamespace
{
    /// <summary>Asks about one namespace.</summary>
    /// <returns>The answer. Null for one that refuses (it was moved away, say, or has another number of partitions): a warning says so, and the others can be asked.</returns>
    public static async Task<T?> AskAsync<T>(TimerSession session, string ns, Func<DistributedTimer, Task<T>> ask)
        where T : class
    {
        var timer = new DistributedTimer(session.Store, new() { Namespace = ns });
        await using (timer.ConfigureAwait(false))
        {
            try
            {
                return await ask(timer).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e) when (e is { Outcome: StoreOutcome.NotApplied, IsTransient: false })
            {
                session.Printer.Warn(e.Message);
                return null;
            }
        }
    }
}
