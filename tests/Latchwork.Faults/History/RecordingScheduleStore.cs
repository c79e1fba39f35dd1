using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.Faults.History;

/// <summary>
/// A store that records what is done to schedules and their occurrences. It does not own the store behind it. One change of a schedule is under way in it at a time, so that
/// what was read last is what it was computed from.
/// </summary>
internal sealed class RecordingScheduleStore(LatchworkStore inner, HistoryWriter history) : LatchworkStore
{
    public override ITimerStore Timers { get; } = new TimerCalls(inner.Timers, history);

    public override ILockerStore Locks => inner.Locks;

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => default;

    private static string ScheduleOf(string occurrence) => occurrence.Split('\u001F')[0];

    /// <summary>Records calls of one batch, and how they ended.</summary>
    private static async Task<T> RecordAsync<T>(HistoryWriter history, IReadOnlyList<(long Call, HistoryEntry Sent)> sent, Func<Task<T>> call, Func<T, int, string> outcome)
    {
        history.Write(sent.Select(static one => one.Sent));
        T answer;
        try
        {
            answer = await call().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            bool isRefused = e is LatchworkStoreException { Outcome: StoreOutcome.NotApplied };
            history.Write(sent.Select(one => new ScheduleCallEnded(MonotonicTime.Now, one.Call, null, isRefused)));
            throw;
        }

        history.Write(sent.Select((one, i) => new ScheduleCallEnded(MonotonicTime.Now, one.Call, outcome(answer, i), IsRefused: false)));
        return answer;
    }

    private sealed class TimerCalls : PassingTimerStore
    {
        private readonly HistoryWriter _history;
        private readonly ScheduleCalls _schedules;

        public TimerCalls(ITimerStore inner, HistoryWriter history)
            : base(inner) => (_history, _schedules) = (history, new ScheduleCalls(inner.Schedules!, history));

        public override IScheduleStore Schedules => _schedules;

        public override async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
        {
            long sent = MonotonicTime.Now;
            TimerClaim claim = await base.ClaimAsync(partition, request, cancellationToken).ConfigureAwait(false);
            foreach (ClaimedEvent e in claim.Events) _schedules.Claimed[(e.Id, request.ClaimToken)] = e.FirstClaimedAt ?? e.Due + e.Lateness;
            if (claim.Events.Count > 0) _history.Write(new OccurrencesClaimed(MonotonicTime.Now, sent, claim.Events.Count));
            return claim;
        }

        public override Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
            RecordAsync(_history, [.. deliveries.Select(one => End(one.Id, one.Token))], () => base.ConfirmAsync(partition, deliveries, completed, cancellationToken), static (all, i) => $"{all[i]}");

        public override Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
            RecordAsync(_history, [End(id, "")], () => base.CancelAsync(partition, id, revoke, cancellationToken), static (outcome, _) => $"{outcome}");

        private (long Call, HistoryEntry Sent) End(string id, string token)
        {
            long call = _history.NextOp();
            return (call, new OccurrenceEndSent(MonotonicTime.Now, call, ScheduleOf(id), id, token));
        }
    }

    private sealed class ScheduleCalls(IScheduleStore inner, HistoryWriter history) : IScheduleStore
    {
        private readonly ConcurrentDictionary<string, DateTimeOffset> _readAt = new(StringComparer.Ordinal);

        public ConcurrentDictionary<(string Id, string Token), DateTimeOffset> Claimed { get; } = new();

        public async Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken)
        {
            ScheduleReading reading = await inner.ReadAsync(partition, ids, cancellationToken).ConfigureAwait(false);
            foreach (string id in ids) _readAt[id] = reading.Now;
            return reading;
        }

        public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
            inner.ListAsync(partition, cursor, limit, cancellationToken);

        public async Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken)
        {
            long call = history.NextOp();
            ScheduleDeclaration declaration = ScheduleDeclaration.Decode(write.Body);
            var sent = new ScheduleWriteSent(
                MonotonicTime.Now, call, write.Id, write.Incarnation, write.Expected?.Number, (int)declaration.Schedule.Interval!.Value.TotalSeconds, declaration.Options.Misfire,
                declaration.Options.Overlap, declaration.Payload.Span[0], write.IsPaused, TimeOf(write.Next), _readAt[write.Id].UtcTicks);
            ScheduleWritten written = await RecordAsync(
                history, [(call, sent)], () => inner.WriteAsync(partition, write, cancellationToken), static (answer, _) => $"{answer.Outcome}").ConfigureAwait(false);
            _readAt[write.Id] = written.Now;
            return written;
        }

        public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken)
        {
            long call = history.NextOp();
            return RecordAsync(
                history, [(call, new ScheduleRemovalSent(MonotonicTime.Now, call, id))], () => inner.RemoveAsync(partition, id, version, cancellationToken), static (outcome, _) => $"{outcome}");
        }

        public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) => RecordAsync(
            history, [.. advances.Select(Decided)], () => inner.AdvanceAsync(partition, advances, cancellationToken), static (answers, i) => $"{answers[i].Outcome}");

        public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken)
        {
            long call = history.NextOp();
            var sent = new OccurrenceTriggered(MonotonicTime.Now, call, trigger.Id, trigger.Version.Incarnation, trigger.Entry.Id);
            return RecordAsync(history, [(call, sent)], () => inner.TriggerAsync(partition, trigger, cancellationToken), static (answer, _) => $"{answer.Decision}");
        }

        public async Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken)
        {
            ScheduleSweep sweep = await inner.SweepAsync(partition, cursor, interval, cancellationToken).ConfigureAwait(false);
            foreach (ScheduleRecord stray in sweep.Strays) _readAt[stray.Id] = sweep.Now;
            return sweep;
        }

        private static long? TimeOf(TimerEntry? next) => next is null ? null : ScheduleDeclaration.TimeOf(next.Id)!.Value.ToUnixTimeMilliseconds();

        private (long Call, HistoryEntry Sent) Decided(OccurrenceAdvance advance)
        {
            long call = history.NextOp();
            string id = advance.Delivery.Id;
            return (call, new OccurrenceDecided(
                MonotonicTime.Now, call, ScheduleOf(id), advance.Version.Incarnation ?? "", advance.Version.Number, id, advance.Delivery.Token, advance.Run, advance.EndAs, advance.Missed,
                advance.ScheduledFor.ToUnixTimeMilliseconds(), advance.DecidedUntil.ToUnixTimeMilliseconds(), TimeOf(advance.Next),
                Claimed.TryGetValue((id, advance.Delivery.Token), out DateTimeOffset at) ? at.UtcTicks : null));
        }
    }
}
