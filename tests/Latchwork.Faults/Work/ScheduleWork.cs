using Latchwork.Faults.History;
using Latchwork.StoreConformance.Timers;

namespace Latchwork.Faults.Work;

/// <summary>
/// Beside the other work: listeners handle the occurrences of the run's schedules; posters declare them anew with other payloads and intervals, pause, resume,
/// remove and trigger them, cancel occurrences before they begin, and pause and resume their namespace.
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
        history.Write(new OccurrenceHandled(MonotonicTime.Now, delivery.Id, delivery.Token, delivery.Payload.Span[0]));
        int dice = Random.Shared.Next(100);
        if (dice < 10) throw new InvalidOperationException("This handler fails.");
        await Task.Delay(dice < 20 ? Random.Shared.Next(6_000) : Random.Shared.Next(200), cancellationToken);
    }

    /// <summary>Pauses or resumes the namespace, and records it.</summary>
    public static async Task SetPausedAsync(HistoryWriter history, DistributedTimer timer, bool isPaused, CancellationToken cancellationToken)
    {
        long call = history.NextOp();
        history.Write(new NamespacePauseSent(MonotonicTime.Now, call, isPaused));
        string? outcome = null;
        try
        {
            if (isPaused) await timer.PauseAsync("The run pauses.", cancellationToken: cancellationToken);
            else await timer.ResumeAsync(cancellationToken);
            outcome = "Done";
        }
        finally
        {
            history.Write(new ScheduleCallEnded(MonotonicTime.Now, call, outcome, IsRefused: false)); // of several partitions some may have been paused
        }
    }

    private async Task ChangeAsync(Random chance, CancellationToken cancellationToken)
    {
        await using DistributedTimer timer = NewTimer(settings.ProcessName);
        bool mayBePaused = true; // by the process that had this place before, and was killed
        while (!cancellationToken.IsCancellationRequested)
        {
            RunSchedule schedule = RunSchedule.All[chance.Next(RunSchedule.All.Count)];
            try
            {
                if (mayBePaused) await SetPausedAsync(history, timer, isPaused: false, cancellationToken);
                mayBePaused = false;
                switch (chance.Next(100))
                {
                    case < 40:
                        await DeclareAsync(timer, schedule, chance, cancellationToken);
                        break;
                    case < 52 when schedule.IsTriggered:
                        await timer.Schedules.TriggerAsync(schedule.Id, cancellationToken);
                        break;
                    case < 66:
                        await SkipAsync(timer, schedule.Id, cancellationToken);
                        break;
                    case < 70:
                        await timer.Schedules.PauseAsync(schedule.Id, cancellationToken);
                        break;
                    case < 86:
                        await timer.Schedules.ResumeAsync(schedule.Id, cancellationToken);
                        break;
                    case < 90:
                        await timer.Schedules.RemoveAsync(schedule.Id, cancellationToken);
                        await Pace.PauseAsync(chance, 200, cancellationToken);
                        await DeclareAsync(timer, schedule, chance, cancellationToken);
                        break;
                    case < 93:
                        mayBePaused = true;
                        await SetPausedAsync(history, timer, isPaused: true, cancellationToken);
                        await Pace.PauseAsync(chance, 800, cancellationToken);
                        continue;
                    default:
                        await timer.Schedules.GetAsync(schedule.Id, cancellationToken);
                        break;
                }
            }
            catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
            {
                // Whatever became of it, the rules must hold.
            }

            await Pace.PauseAsync(chance, 400, cancellationToken);
        }
    }

    private static Task DeclareAsync(DistributedTimer timer, RunSchedule schedule, Random chance, CancellationToken cancellationToken)
    {
        ModelDeclaration declaration = schedule.Declaration with { Seconds = schedule.Intervals[chance.Next(4) / 3] };
        return timer.Schedules.AddOrUpdateAsync(schedule.Id, declaration.Schedule, new[] { (byte)chance.Next(3) }, declaration.Options, cancellationToken);
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
