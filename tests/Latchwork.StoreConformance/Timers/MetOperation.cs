using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>
/// A call that reads a schedule, computes, and writes; others act in between: one before each of its writes, as long as there are any. As no time passes, it must be as
/// if the call had come after them.
/// </summary>
/// <param name="Call">The call.</param>
/// <param name="Between">What the others do.</param>
public sealed record MetOperation(TimerOperation Call, IReadOnlyList<TimerOperation> Between) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        foreach (TimerOperation operation in Between) run.InBetween.Enqueue(operation);
        run.Cancelled = (Call as CancelOccurrenceOperation)?.Occurrence;
        await Call.CheckAsync(run);
        run.Cancelled = null;
        while (run.InBetween.TryDequeue(out TimerOperation? left)) await left.CheckAsync(run); // it wrote nothing, or less often
    }

    public override IEnumerable<TimerOperation> Simpler() =>
        [Call, .. Between, .. Between.Count > 1 ? Between.Select(one => this with { Between = [one] }) : []];

    public override string ToString() => $"{Call}, and before it has written: {string.Join("; ", Between)}";
}

/// <summary>The store as a run's callers see it: before a schedule that was read is written, others may act.</summary>
internal sealed class MeetingStore(LatchworkStore inner, TimerModelRun run) : LatchworkStore
{
    public override ITimerStore Timers { get; } = new MeetingTimers(inner.Timers, run);

    public override ILockerStore Locks => inner.Locks;

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => default; // it is the suite's

    private sealed class MeetingTimers(ITimerStore inner, TimerModelRun run) : PassingTimerStore(inner)
    {
        public override IScheduleStore? Schedules { get; } = new MeetingSchedules(inner.Schedules!, run);
    }

    private sealed class MeetingSchedules(IScheduleStore inner, TimerModelRun run) : DelegatingScheduleStore
    {
        protected override async Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<IScheduleStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
        {
            if (operation is "schedule_write" or "schedule_trigger") await ActAsync();
            T answer = await call(inner, args, cancellationToken);
            // Not before the advance itself: these are gathered, and what others do may wait for the same.
            if (run.Cancelled is not { } id || answer is not ScheduleReading { Records: [{ } record] } || record.ExpectedId != id) return answer;
            run.Cancelled = null; // what the others read is not met by anybody
            await ActAsync();
            return answer;
        }

        private Task ActAsync() => run.InBetween.TryDequeue(out TimerOperation? operation) ? operation.CheckAsync(run) : Task.CompletedTask;
    }
}
