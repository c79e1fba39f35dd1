namespace Latchwork.Faults.Work;

/// <summary>
/// Listens, leaves after some seconds, and joins again; every third time with manual confirmation. In some of the rounds it leaves and joins several times
/// at once, and does not wait for the leave.
/// </summary>
internal sealed class ListenerWork(WorkerSettings settings, Recorder recorder, LatchworkStore store, TimeProvider clock, BrokenCallbacks callbacks, OwnTransactions? transactions) : IWork
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Random chance = settings.Chance(0);
        while (!cancellationToken.IsCancellationRequested)
        {
            bool isManual = chance.Next(3) == 0;
            TimeSpan shutdownTimeout = TimeSpan.FromSeconds(chance.Next(3));
            await using DistributedTimer timer = NewTimer(chance, isManual, shutdownTimeout);
            timer.Error += callbacks.OnError;
            var handlers = new List<Handler>();
            RecordedListener? listener = await JoinAsync(timer);
            for (int round = chance.Next(4) == 0 ? chance.Next(2, 6) : 0; listener is not null && round > 0 && !listener.Ending.IsCompleted; round--)
            {
                await Task.Delay(chance.Next(3) == 0 ? 0 : chance.Next(100), CancellationToken.None);
                Task leaving = listener.LeaveAsync();
                listener = await JoinAsync(timer); // it waits for the end of the leave, and stands
                await leaving;
            }

            if (listener is not null)
            {
                await Task.WhenAny(listener.Ending, Task.Delay(chance.Next(4_000, 15_000), cancellationToken));
                await listener.LeaveAsync();
            }

            foreach (Handler handler in handlers) await handler.EndedAsync();
            await Pace.PauseAsync(chance, 200, cancellationToken);

            async Task<RecordedListener?> JoinAsync(DistributedTimer timer)
            {
                var next = new RecordedListener(recorder, timer, shutdownTimeout);
                var handler = new Handler(recorder, next, isManual, settings.Longest, settings.Chance(1 + chance.Next(1_000_000)), transactions);
                handlers.Add(handler);
                return await next.TryJoinAsync(handler, cancellationToken) ? next : null;
            }
        }
    }

    private DistributedTimer NewTimer(Random chance, bool isManual, TimeSpan shutdownTimeout) => new(store, new TimerOptions
    {
        Namespace = WorkerSettings.Namespace,
        NodeId = $"{settings.ProcessName}-{chance.Next(1_000_000)}",
        LeaseDuration = WorkerSettings.LeaseDuration,
        Confirmation = isManual ? Confirmation.Manual : Confirmation.AfterHandler,
        MaxEvents = chance.Next(1, 17),
        MaxInFlight = 32,
        MaxHandlingTime = settings.Longest,
        ShutdownTimeout = shutdownTimeout,
        Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(100), Max = TimeSpan.FromSeconds(1) },
        LoggerFactory = callbacks,
        TimeProvider = clock,
    });
}
