using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>Pauses and resumes the partitions of a namespace alike.</summary>
/// <remarks>
/// The first partition decides. It is changed first; the others take over what it says; then it is asked again, and where somebody else has changed it
/// meanwhile, the others take over that. So of those who pause and resume at one time, whoever is through last has left all partitions as the first one is.
/// If it is cut off in between, some are paused and others are not: the same call again, or its opposite, puts that right.
/// </remarks>
internal static class NamespacePause
{
    /// <summary>How often the others take over what the first partition says.</summary>
    private const int MaxRounds = 8;

    /// <summary>To how many partitions something is sent at a time.</summary>
    private const int MaxAtOnce = 64;

    /// <returns>The pause in force.</returns>
    public static async Task<TimerPause> PauseAsync(ITimerStore store, TimerPartition[] partitions, PauseRequest request, CancellationToken cancellationToken)
    {
        TimerPause pause = await store.PauseAsync(partitions[0], request, cancellationToken).OffStoreThread().ConfigureAwait(false);
        await SpreadAsync(store, partitions, pause, cancellationToken).ConfigureAwait(false);
        return pause;
    }

    /// <returns>The pause that was ended; null if no partition was paused.</returns>
    public static async Task<TimerPause?> ResumeAsync(ITimerStore store, TimerPartition[] partitions, CancellationToken cancellationToken)
    {
        TimerPause? ended = await store.ResumeAsync(partitions[0], cancellationToken).OffStoreThread().ConfigureAwait(false);
        TimerPause? elsewhere = await SpreadAsync(store, partitions, null, cancellationToken).ConfigureAwait(false);
        return ended ?? elsewhere;
    }

    /// <returns>A pause that was ended in one of the others.</returns>
    private static async Task<TimerPause?> SpreadAsync(ITimerStore store, TimerPartition[] partitions, TimerPause? pause, CancellationToken cancellationToken)
    {
        if (partitions.Length == 1) return null;
        TimerPause? ended = null;
        try
        {
            for (int round = 0; round < MaxRounds; round++)
            {
                foreach (TimerPartition[] some in partitions.Skip(1).Chunk(MaxAtOnce))
                {
                    TimerPause?[] answers = await Task.WhenAll(some.Select(partition => SetAsync(store, partition, pause, cancellationToken))).ConfigureAwait(false);
                    ended ??= Array.Find(answers, static answer => answer is not null);
                }

                TimerPause? decided = (await store.GetStatsAsync(partitions[0], cancellationToken).OffStoreThread().ConfigureAwait(false)).Pause;
                if (decided == pause) return ended;
                pause = decided;
            }
        }
        catch (LatchworkStoreException e)
        {
            throw new LatchworkStoreException(
                $"The namespace '{partitions[0].Namespace}' may be paused in some of its {partitions.Length} partitions and not in others: {e.Message} Make the call again.", StoreOutcome.Unknown, e)
            { IsTransient = e.IsTransient };
        }

        throw new LatchworkStoreException(
            $"The namespace '{partitions[0].Namespace}' is paused and resumed by others all the time, and may be paused in some of its {partitions.Length} partitions only. Make the call again.",
            StoreOutcome.Unknown);
    }

    private static async Task<TimerPause?> SetAsync(ITimerStore store, TimerPartition partition, TimerPause? pause, CancellationToken cancellationToken)
    {
        if (pause is null) return await store.ResumeAsync(partition, cancellationToken).OffStoreThread().ConfigureAwait(false);
        await store.PauseAsync(partition, new PauseRequest(pause.By, pause.Reason) { Since = pause.Since }, cancellationToken).OffStoreThread().ConfigureAwait(false);
        return null;
    }
}
