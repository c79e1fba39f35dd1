using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>
/// Beside the other work: listeners handle the occurrences of the run's schedules; posters declare them anew with other payloads, cancel occurrences before they
/// begin, and trigger some.
/// </summary>
internal sealed class ScheduleWork(WorkerSettings settings, HistoryWriter history, LatchworkStore store, TimeProvider clock) : IWork, IAsyncDisposable
{
    private readonly RecordingScheduleStore _store = new(store, history);

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Random chance = settings.Chance(77);
        if (settings.Role == Role.Poster) await ChangeAsync(chance, cancellationToken);
        else await ListenAsync(chance, cancellationToken);
    }

    private async Task ListenAsync(Random chance, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await using DistributedTimer timer = NewTimer($"{settings.ProcessName}-{chance.Next(1_000_000)}");
            try
            {
                await timer.JoinAsync(HandleAsync, cancellationToken);
            }
            catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
            {
                await Pace.PauseAsync(chance, 200, cancellationToken); // it did not join, and tries again
                continue;
            }

            await Task.Delay(chance.Next(4_000, 15_000), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await timer.LeaveAsync(CancellationToken.None);
        }
    }

    private async Task HandleAsync(TimerDelivery delivery, CancellationToken cancellationToken)
    {
        history.Write(new OccurrenceHandled(MonotonicTime.Now, delivery.Id, delivery.Token));
        int dice = Random.Shared.Next(100);
        if (dice < 10) throw new InvalidOperationException("This handler fails.");
        await Task.Delay(dice < 20 ? Random.Shared.Next(6_000) : Random.Shared.Next(200), cancellationToken);
    }

    private async Task ChangeAsync(Random chance, CancellationToken cancellationToken)
    {
        await using DistributedTimer timer = NewTimer(settings.ProcessName);
        while (!cancellationToken.IsCancellationRequested)
        {
            RunSchedule schedule = RunSchedule.All[chance.Next(RunSchedule.All.Count)];
            try
            {
                await (chance.Next(10) switch
                {
                    < 5 => timer.Schedules.AddOrUpdateAsync(schedule.Id, schedule.Declaration.Schedule, new[] { (byte)chance.Next(3) }, schedule.Declaration.Options, cancellationToken),
                    < 7 when schedule.IsTriggered => timer.Schedules.TriggerAsync(schedule.Id, cancellationToken),
                    < 9 => SkipAsync(timer, schedule.Id, cancellationToken),
                    _ => timer.Schedules.GetAsync(schedule.Id, cancellationToken),
                });
            }
            catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
            {
                // Whatever became of it, the rules must hold.
            }

            await Pace.PauseAsync(chance, 400, cancellationToken);
        }
    }

    private static async Task SkipAsync(DistributedTimer timer, string id, CancellationToken cancellationToken)
    {
        if ((await timer.Schedules.GetAsync(id, cancellationToken))?.Next is { } next) await timer.CancelAsync(ScheduleDeclaration.OccurrenceOf(id, next), cancellationToken: cancellationToken);
    }

    private DistributedTimer NewTimer(string node) => new(_store, new TimerOptions
    {
        Namespace = WorkerSettings.ScheduleNamespace,
        NodeId = node,
        LeaseDuration = WorkerSettings.LeaseDuration,
        ShutdownTimeout = TimeSpan.FromSeconds(1),
        Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(100), Max = TimeSpan.FromSeconds(1) },
        TimeProvider = clock,
    });
}
