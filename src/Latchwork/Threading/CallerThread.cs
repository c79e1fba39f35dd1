namespace Latchwork.Threading;

/// <summary>Keeps the code of users off the threads of a store.</summary>
internal static class CallerThread
{
    /// <summary>
    /// The same answer, except that what awaits it continues on the pool. A store may complete its tasks on a thread of its own (the one that
    /// reads a connection, or writes a file), and the code of a user there would hold up every other answer. A store that completes them on
    /// the pool costs nothing more. (The thread that cancels is the canceller's.)
    /// </summary>
    public static async Task<T> OffStoreThread<T>(this Task<T> answer)
    {
        if (!answer.IsCompleted)
        {
            await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (answer.IsCanceled || !Thread.CurrentThread.IsThreadPoolThread) await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        return await answer.ConfigureAwait(false);
    }

    /// <inheritdoc cref="OffStoreThread{T}(Task{T})"/>
    public static async Task OffStoreThread(this Task answer)
    {
        if (!answer.IsCompleted)
        {
            await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (answer.IsCanceled || !Thread.CurrentThread.IsThreadPoolThread) await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        await answer.ConfigureAwait(false);
    }
}
