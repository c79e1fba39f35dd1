using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Finds schedules that have no occurrence that waits or is in flight, although they should, and posts one: the one that was expected, as it never began, or the
/// next time. That happens only after somebody's hand, or a node that could not evaluate the schedule.
/// </summary>
/// <remarks>Of all nodes of a namespace one looks every 10 s: who asks earlier gets nothing. Where there are no schedules, a node asks once a minute.</remarks>
internal sealed class ScheduleSweeper(LeaseHolder holder, IScheduleStore schedules, PartitionClient[] clients)
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _intervalOfNone = TimeSpan.FromMinutes(1);

    /// <summary>Looks from now on, until the listener is aborted.</summary>
    public void Start() => _ = Task.Run(RunAsync);

    // Never throws.
    private async Task RunAsync()
    {
        int failures = 0;
        TimeSpan pause = _interval * (0.5 + Random.Shared.NextDouble() / 2); // nodes that start together do not ask together
        while (true)
        {
            await Task.Delay(pause, holder.Settings.Time, holder.Aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (holder.Aborted.IsCancellationRequested) return;
            bool any = false;
            Exception? failure = null;
            foreach (PartitionClient client in clients)
            {
                try
                {
                    any |= await SweepAsync(client).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (holder.Aborted.IsCancellationRequested)
                {
                    return;
                }
#pragma warning disable CA1031 // Whatever it is, looking continues: at the other partitions, which may be of other servers, and at this one the next time.
                catch (Exception e)
#pragma warning restore CA1031
                {
                    failure ??= e;
                }
            }

            if (failure is null) failures = 0;
            else holder.Errors.Report(FailedOperation.Sweep, failure, quietly: failures++ > 0);

            // Not always in the same order: else one that cannot evaluate a schedule might always be first.
            pause = (any || failure is not null ? _interval : _intervalOfNone) * (0.5 + Random.Shared.NextDouble());
        }
    }

    /// <returns>Whether there are schedules.</returns>
    private async Task<bool> SweepAsync(PartitionClient client)
    {
        string? cursor = null;
        long total;
        do
        {
            ScheduleSweep sweep = await schedules.SweepAsync(client.Partition, cursor, _interval, holder.Aborted).OffStoreThread().ConfigureAwait(false);
            foreach (ScheduleRecord stray in sweep.Strays)
            {
                if (ScheduleReader.Rearm(stray, sweep.Now) is not { } write) continue;
                ScheduleWritten written = await schedules.WriteAsync(client.Partition, write, holder.Aborted).OffStoreThread().ConfigureAwait(false);
                if (written.Outcome == ScheduleWriteOutcome.Written) holder.Errors.Log.ScheduleRearmed(stray.Id, holder.Settings.Namespace);
            }

            (cursor, total) = (sweep.Cursor, sweep.Total);
        }
        while (cursor is not null);
        return total > 0;
    }
}
