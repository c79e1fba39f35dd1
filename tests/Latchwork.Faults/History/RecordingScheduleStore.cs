using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.Faults.History;

/// <summary>A store that records the steps from one occurrence of a schedule to the next. It does not own the store behind it.</summary>
internal sealed class RecordingScheduleStore(LatchworkStore inner, HistoryWriter history) : LatchworkStore
{
    public override ITimerStore Timers { get; } = new TimerCalls(inner.Timers, history);

    public override ILockerStore Locks => inner.Locks;

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => default;

    private sealed class TimerCalls : PassingTimerStore
    {
        private readonly ScheduleCalls _schedules;

        public TimerCalls(ITimerStore inner, HistoryWriter history)
            : base(inner) => _schedules = new ScheduleCalls(inner.Schedules!, history);

        public override IScheduleStore Schedules => _schedules;

        public override async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
        {
            TimerClaim claim = await base.ClaimAsync(partition, request, cancellationToken).ConfigureAwait(false);
            foreach (ClaimedEvent e in claim.Events) _schedules.Claimed[(e.Id, request.ClaimToken)] = e.FirstClaimedAt ?? e.Due + e.Lateness;
            return claim;
        }
    }

    private sealed class ScheduleCalls(IScheduleStore inner, HistoryWriter history) : IScheduleStore
    {
        public ConcurrentDictionary<(string Id, string Token), DateTimeOffset> Claimed { get; } = new();

        public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
            inner.ReadAsync(partition, ids, cancellationToken);

        public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
            inner.ListAsync(partition, cursor, limit, cancellationToken);

        public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken) =>
            inner.WriteAsync(partition, write, cancellationToken);

        public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
            inner.RemoveAsync(partition, id, version, cancellationToken);

        public async Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken)
        {
            OccurrenceDecided[] decided = [.. advances.Select(Entry)];
            history.Write(decided);
            IReadOnlyList<AdvanceAnswer> answers;
            try
            {
                answers = await inner.AdvanceAsync(partition, advances, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                bool isRefused = e is LatchworkStoreException { Outcome: StoreOutcome.NotApplied };
                history.Write(decided.Select(one => new OccurrenceDecisionEnded(MonotonicTime.Now, one.Decision, null, isRefused)));
                throw;
            }

            history.Write(decided.Select((one, i) => new OccurrenceDecisionEnded(MonotonicTime.Now, one.Decision, answers[i].Outcome.ToString(), IsRefused: false)));
            return answers;
        }

        public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
            inner.TriggerAsync(partition, trigger, cancellationToken);

        public Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
            inner.SweepAsync(partition, cursor, interval, cancellationToken);

        private OccurrenceDecided Entry(OccurrenceAdvance advance)
        {
            string id = advance.Delivery.Id;
            return new OccurrenceDecided(
                MonotonicTime.Now, history.NextOp(), id.Split('\u001F')[0], id, advance.Delivery.Token, advance.Run, advance.EndAs, advance.Missed,
                advance.ScheduledFor.ToUnixTimeMilliseconds(), advance.DecidedUntil.ToUnixTimeMilliseconds(),
                advance.Next is { } next ? ScheduleDeclaration.TimeOf(next.Id)!.Value.ToUnixTimeMilliseconds() : null,
                Claimed.TryGetValue((id, advance.Delivery.Token), out DateTimeOffset at) ? at.UtcTicks : null);
        }
    }
}
