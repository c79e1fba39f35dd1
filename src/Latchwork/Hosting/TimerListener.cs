using Microsoft.Extensions.Logging;

namespace Latchwork.Hosting;

/// <summary>Joins one namespace, again and again until that succeeds; from then on the engine looks after itself.</summary>
internal sealed class TimerListener(DistributedTimer timer, Func<TimerDelivery, CancellationToken, Task> handler, ILogger log)
{
    /// <summary>Ends when the namespace is joined or <paramref name="stopping"/> fires. Never throws.</summary>
    public async Task RunAsync(LatchworkStore store, CancellationToken stopping)
    {
        int failures = 0;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (store is ConnectingStore connecting) await connecting.StartAsync().WaitAsync(stopping).ConfigureAwait(false);
                await timer.JoinAsync(handler, stopping).ConfigureAwait(false);
                if (failures > 0) log.JoinedAtLast(timer.Namespace);
                return;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever it is, the application continues, and joining is tried again.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (failures == 0) log.JoinFailed(e, timer.Namespace);
                else log.JoinStillFails(e, timer.Namespace);
            }

            await Task.Delay(Backoff.OfStore(failures++), TimeProvider.System, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Leaves, if joined.</summary>
    public Task LeaveAsync(CancellationToken shutdown) => timer.LeaveAsync(shutdown);
}
