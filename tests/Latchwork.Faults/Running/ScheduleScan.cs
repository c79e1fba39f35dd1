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
        await using DistributedTimer timer = NewTimer(store);
        foreach (RunSchedule one in RunSchedule.All)
        {
            ScheduleResult result = await timer.Schedules.AddOrUpdateAsync(one.Id, one.Declaration.Schedule, one.Declaration.Payload, one.Declaration.Options);
            history.Write(new ScheduleDeclared(
                MonotonicTime.Now, one.Id, one.Declaration.Seconds, one.Declaration.Misfire, one.Declaration.Overlap, result.Next!.Value.ToUnixTimeMilliseconds()));
        }
    }

    /// <summary>Looks and writes.</summary>
    public static async Task EndAsync(HistoryWriter history, string folder, LatchworkStore store)
    {
        await using DistributedTimer timer = NewTimer(store);
        await foreach (ScheduleSnapshot one in timer.Schedules.ListAsync())
        {
            history.Write(new FinalSchedule(
                MonotonicTime.Now, one.Id, one.Next?.ToUnixTimeMilliseconds(), one.NextState is TimerState.Scheduled or TimerState.InFlight,
                one.Started, one.Missed, one.Skipped, one.Replaced, one.QueuedId));
        }

        foreach (string occurrence in ScheduleChecker.NotHandled(folder))
        {
            if (await timer.PeekAsync(occurrence) is { } left) history.Write(new FinalOccurrence(MonotonicTime.Now, occurrence, left.State));
        }
    }

    private static DistributedTimer NewTimer(LatchworkStore store) => new(store, new() { Namespace = WorkerSettings.ScheduleNamespace, NodeId = "harness" });
}
