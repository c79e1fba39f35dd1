using System.Globalization;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>Beside the other work of listeners: handles events that fall due at one instant, few at a time and each for long, so that they are many nodes' work.</summary>
internal sealed class BurstWork(WorkerSettings settings, HistoryWriter history, LatchworkStore store) : IWork
{
    private const int Places = 2;
    private static readonly TimeSpan _length = TimeSpan.FromSeconds(2);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var timer = new DistributedTimer(store, new TimerOptions
        {
            Namespace = WorkerSettings.BurstNamespace,
            NodeId = settings.ProcessName,
            MaxConcurrency = Places,
            ShutdownTimeout = TimeSpan.Zero,
        });
        while (!await TryJoinAsync(timer, cancellationToken))
        {
            if (cancellationToken.IsCancellationRequested) return;
            await Pace.PauseAsync(Random.Shared, 200, cancellationToken);
        }

        history.Write(new BurstListenerJoined(MonotonicTime.Now, Places));
        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        history.Write(new BurstListenerLeft(MonotonicTime.Now));
    }

    private async Task<bool> TryJoinAsync(DistributedTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            await timer.JoinAsync(HandleAsync, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
        {
            return false; // It did not join, and tries again.
        }
    }

    // The id is "burst:number", as the harness posts it.
    private async Task HandleAsync(TimerDelivery delivery, CancellationToken cancellationToken)
    {
        string[] parts = delivery.Id.Split(':');
        (long burst, int number) = (long.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
        history.Write(new BurstHandlerStarted(MonotonicTime.Now, burst, number));
        try
        {
            await Task.Delay(_length, cancellationToken);
        }
        finally
        {
            history.Write(new BurstHandlerEnded(MonotonicTime.Now, burst, number));
        }
    }
}
