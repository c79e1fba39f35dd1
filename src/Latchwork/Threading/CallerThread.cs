using System.Runtime.CompilerServices;

namespace Latchwork.Threading;

/// <summary>Keeps the code of users off the threads of a store.</summary>
internal static class CallerThread
{
    [ThreadStatic]
    private static bool _answersOthers;

    /// <summary>
    /// Whether others wait for this thread: it is a store's (the one that reads a connection, or writes a file), or one of the pool that has the
    /// answers of a whole batch to give (see <see cref="Batcher{TItem, TResult}"/>).
    /// </summary>
    public static bool IsShared => _answersOthers || !Thread.CurrentThread.IsThreadPoolThread;

    /// <summary>Whether it is one that has the answers of a whole batch to give.</summary>
    public static bool AnswersOthers
    {
        get => _answersOthers;
        set => _answersOthers = value;
    }

    /// <summary>Continues on the pool.</summary>
    public static ConfiguredTaskAwaitable Yield() => Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    /// <summary>
    /// The same answer, except that what awaits it continues where nobody else waits. A store may complete its tasks on a thread for which others
    /// wait, and the code of a user there would hold up every other answer. A store that completes them one by one on the pool costs nothing more.
    /// (The thread that cancels is the canceller's.)
    /// </summary>
    public static async Task<T> OffStoreThread<T>(this Task<T> answer)
    {
        if (!answer.IsCompleted)
        {
            await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (answer.IsCanceled || IsShared) await Yield();
        }

        return await answer.ConfigureAwait(false);
    }

    /// <inheritdoc cref="OffStoreThread{T}(Task{T})"/>
    public static async Task OffStoreThread(this Task answer)
    {
        if (!answer.IsCompleted)
        {
            await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (answer.IsCanceled || IsShared) await Yield();
        }

        await answer.ConfigureAwait(false);
    }
}
