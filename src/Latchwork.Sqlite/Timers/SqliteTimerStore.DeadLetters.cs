using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <content>Dead letters.</content>
internal sealed partial class SqliteTimerStore
{
    /// <summary>The most dead letters that one operation evicts: as many as one can dead-letter, so that there are never more than allowed for long.</summary>
    private const int MaxTrim = Limits.MaxBatch;

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<TimerOutcome>>(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                StoreTime now = ns.Now();
                DueTime dueAt = now.Resolve(due);
                TimerOutcome[] outcomes = ForEachDeadLetter(file, ns, keys, (events, place) =>
                {
                    events.Schedule(place, dueAt, retries: 0);
                    events.ForgetInterruptions(place.Key);
                });
                if (outcomes.Contains(TimerOutcome.Done)) Wake(ns, dueAt.At, now);
                return outcomes;
            },
            cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<TimerOutcome>>(partition, isDurable: true, (file, ns) => ForEachDeadLetter(file, ns, keys, static (events, place) => events.Remove(place)), cancellationToken);

    private static TimerOutcome[] ForEachDeadLetter(SqliteFile file, TimerNamespace ns, IReadOnlyList<DeadLetterKey> keys, Action<TimerEvents, EventPlace> act)
    {
        StoreTime now = ns.Now();
        var events = new TimerEvents(file, ns);
        var outcomes = new TimerOutcome[keys.Count];
        for (int i = 0; i < keys.Count; i++)
        {
            outcomes[i] = TimerOutcome.NotFound;
            if (events.Find(keys[i].Id) is not { Died: { } died } place) continue;
            if (!now.IsMeant(keys[i], died)) continue;
            act(events, place);
            outcomes[i] = TimerOutcome.Done;
        }

        return outcomes;
    }

    /// <summary>Deletes the oldest beyond the limits. What one operation leaves over, the next claim takes.</summary>
    private static void EvictDeadLetters(SqliteFile file, TimerNamespace ns, DeadLetterLimits limits, StoreTime now)
    {
        if (ns.DeadLetters == 0) return;
        long tooOld = now.Milliseconds - (long)limits.Retention.TotalMilliseconds;
        long tooMany = ns.DeadLetters - limits.MaxCount;
        var oldest = new List<EventPlace>();
        using (Statement rows = file["SELECT key, died, id FROM dead WHERE namespace = ? ORDER BY died, id LIMIT ?"].Set(ns.Id).Set(MaxTrim))
        {
            while (rows.Step() && (oldest.Count < tooMany || rows.Long(1) < tooOld))
            {
                oldest.Add(new EventPlace(rows.Long(0), rows.Text(2), 0, 0, 0, null, null, 0, rows.Long(1), null));
            }
        }

        if (oldest.Count == 0) return;
        var events = new TimerEvents(file, ns);
        foreach (EventPlace place in oldest) events.Remove(place);
        ns.Count(evicted: oldest.Count);
    }
}
