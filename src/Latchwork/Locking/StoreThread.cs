namespace Latchwork.Locking;

/// <summary>Stores answer on threads of their own, which must never run code of a user.</summary>
internal static class StoreThread
{
    /// <summary>Awaits an answer of the store, and goes on on the thread pool if it had to be waited for.</summary>
    public static async Task<T> LeaveStoreThreadAsync<T>(this Task<T> answer)
    {
        if (!answer.IsCompleted)
        {
            await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        return await answer.ConfigureAwait(false);
    }

    /// <inheritdoc cref="LeaveStoreThreadAsync{T}(Task{T})"/>
    public static async Task LeaveStoreThreadAsync(this Task answer)
    {
        if (!answer.IsCompleted)
        {
            await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        await answer.ConfigureAwait(false);
    }
}
