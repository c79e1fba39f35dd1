namespace Latchwork.Threading;

/// <summary>Tasks that all who wait for them may give up on.</summary>
internal static class ObservedTasks
{
    /// <summary>
    /// The same task. If it fails when nobody waits for it any more, that is no unobserved exception of the process: those who gave up were
    /// told why, and whoever comes next asks anew.
    /// </summary>
    public static T Observed<T>(this T task)
        where T : Task
    {
        task.ContinueWith(
            static failed => _ = failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return task;
    }
}
