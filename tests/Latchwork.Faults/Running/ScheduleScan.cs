using Latchwork.Faults.Checking.Schedules;
using Latchwork.Faults.History;
using Latchwork.Faults.Work;

namespace Latchwork.Faults.Running;

/// <summary>Declares the schedules of a run before it begins, and writes how they stand when nobody works any more.</summary>
internal static class ScheduleScan
{
    /// <summary>Declares them.</summary>
    public static async Task DeclareAsync(HistoryWriter history, LatchworkStore store)
    {
        await using var recording = new RecordingScheduleStore(store, history);
        await using DistributedTimer timer = NewTimer(recording);
        foreach (RunSchedule one in RunSchedule.All) await timer.Schedules.AddOrUpdateAsync(one.Id, one.Declaration.Schedule, one.Declaration.Payload, one.Declaration.Options);
    }

    /// <summary>Resumes the namespace: whoever paused it may have been killed.</summary>
    public static async Task ResumeAsync(HistoryWriter history, LatchworkStore store)
    {
        await using DistributedTimer timer = NewTimer(store);
        await ScheduleWork.SetPausedAsync(history, timer, isPaused: false, CancellationToken.None);
    }

    /// <summary>Looks and writes.</summary>
    public static async Task EndAsync(HistoryWriter history, string folder, LatchworkStore store)
    {
        await using DistributedTimer timer = NewTimer(store);
        await foreach (ScheduleSnapshot one in timer.Schedules.ListAsync())
        {
            history.Write(new FinalSchedule(
                MonotonicTime.Now, one.Id, one.Version.Incarnation, one.Version.Number, one.IsPaused, one.Next?.ToUnixTimeMilliseconds(), one.NextState is TimerState.Scheduled or TimerState.InFlight,
                one.Started, one.Missed, one.Skipped, one.Replaced, one.QueuedId));
        }

        foreach (string occurrence in ScheduleChecker.NotHandled(folder))
        {
            if (await timer.PeekAsync(occurrence) is { } left) history.Write(new FinalOccurrence(MonotonicTime.Now, occurrence, left.State));
        }
    }

    private static DistributedTimer NewTimer(LatchworkStore store) => new(store, new() { Namespace = WorkerSettings.ScheduleNamespace, NodeId = "harness" });
}
