namespace Latchwork.Threading;

/// <summary>Keeps the code of users off the threads of a store.</summary>
internal static class CallerThread
{
    /// <summary>
    /// The same task, except that what awaits it continues on the pool. A store may complete its tasks on the thread that reads its
    /// connection, and a user's code there would hold up every other reply.
    /// </summary>
    public static Task<T> OffStoreThread<T>(this Task<T> task) => task.IsCompleted
        ? task
        : task.ContinueWith(static t => t, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Unwrap();

    /// <inheritdoc cref="OffStoreThread{T}(Task{T})"/>
    public static Task OffStoreThread(this Task task) => task.IsCompleted
        ? task
        : task.ContinueWith(static t => t, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Unwrap();
}
