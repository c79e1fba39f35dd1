namespace Latchwork.Faults.Work;

/// <summary>Listens, leaves after some seconds, and joins again; every other time with manual confirmation in some of the workers.</summary>
internal sealed class ListenerWork(WorkerSettings settings, Recorder recorder, LatchworkStore store, TimeProvider clock, OwnTransactions? transactions) : IWork
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Random chance = settings.Chance(0);
        while (!cancellationToken.IsCancellationRequested)
        {
            bool isManual = chance.Next(3) == 0;
            await using var timer = new DistributedTimer(store, new TimerOptions
            {
                Namespace = WorkerSettings.Namespace,
                NodeId = $"{settings.ProcessName}-{chance.Next(1_000_000)}",
                LeaseDuration = WorkerSettings.LeaseDuration,
                Confirmation = isManual ? Confirmation.Manual : Confirmation.AfterHandler,
                MaxEvents = chance.Next(1, 17),
                MaxInFlight = 32,
                MaxHandlingTime = settings.Longest,
                ShutdownTimeout = TimeSpan.FromSeconds(chance.Next(3)),
                Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(100), Max = TimeSpan.FromSeconds(1) },
                TimeProvider = clock,
            });
            var handler = new Handler(recorder, timer, isManual, settings.Longest, settings.Chance(1 + chance.Next(1_000_000)), transactions);
            if (!await TryJoinAsync(timer, handler, cancellationToken))
            {
                await Pace.PauseAsync(chance, 200, cancellationToken);
                continue;
            }

            await Task.Delay(chance.Next(4_000, 15_000), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await timer.LeaveAsync(CancellationToken.None);
            await handler.EndedAsync();
            await Pace.PauseAsync(chance, 200, cancellationToken);
        }
    }

    private static async Task<bool> TryJoinAsync(DistributedTimer timer, Handler handler, CancellationToken cancellationToken)
    {
        try
        {
            await timer.JoinAsync(handler.HandleAsync, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
        {
            return false; // It did not join, and tries again.
        }
    }
}
