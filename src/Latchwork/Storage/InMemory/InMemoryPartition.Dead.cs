using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <content>Dead events.</content>
internal sealed partial class InMemoryPartition
{
    /// <summary>The most dead events that one operation trims: as many as one can bury, so that there are never more than allowed for long.</summary>
    private const int MaxTrim = Limits.MaxBatch;

    public IReadOnlyList<TimerOutcome> Requeue(IReadOnlyList<DeadKey> keys, Due due)
    {
        lock (_lock)
        {
            StoreTime now = _clock.Now();
            long dueAt = now.Resolve(due);
            TimerOutcome[] outcomes = ForEachDead(keys, stored =>
            {
                stored.Retries = 0;
                _events.Schedule(stored, dueAt);
            });
            if (outcomes.Contains(TimerOutcome.Done)) WakeFor(dueAt, now);
            return outcomes;
        }
    }

    public IReadOnlyList<TimerOutcome> Purge(IReadOnlyList<DeadKey> keys)
    {
        lock (_lock) return ForEachDead(keys, _events.Remove);
    }

    private TimerOutcome[] ForEachDead(IReadOnlyList<DeadKey> keys, Action<StoredEvent> act)
    {
        var outcomes = new TimerOutcome[keys.Count];
        for (int i = 0; i < keys.Count; i++)
        {
            outcomes[i] = TimerOutcome.NotFound;
            if (!_events.TryGet(keys[i].Id, out StoredEvent? stored) || stored.Death is not Death death) continue;
            if (keys[i].DiedAt is DateTimeOffset diedAt && diedAt.ToUnixTimeMilliseconds() != death.At) continue;
            act(stored);
            outcomes[i] = TimerOutcome.Done;
        }

        return outcomes;
    }

    /// <summary>Deletes the longest dead beyond the limits. What one operation leaves over, the next that buries something takes.</summary>
    private void TrimDead(DeadLetterLimits limits, StoreTime now)
    {
        long tooOld = now.Milliseconds - (long)limits.Retention.TotalMilliseconds;
        for (int i = 0; i < MaxTrim && _events.Dead.Count > 0; i++)
        {
            TimedId oldest = _events.Dead.Min;
            if (_events.Dead.Count <= limits.MaxCount && oldest.At >= tooOld) return;
            _events.Remove(_events[oldest.Id]);
            _deadTrimmed++;
        }
    }
}
