using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <content>Dead letters.</content>
internal sealed partial class InMemoryPartition
{
    /// <summary>The most dead letters that one operation evicts: as many as one can dead-letter, so that there are never more than allowed for long.</summary>
    private const int MaxTrim = Limits.MaxBatch;

    public IReadOnlyList<TimerOutcome> Requeue(IReadOnlyList<DeadLetterKey> keys, Due due)
    {
        lock (_lock)
        {
            StoreTime now = Now();
            DueTime dueAt = now.Resolve(due);
            TimerOutcome[] outcomes = ForEachDeadLetter(keys, now, stored =>
            {
                stored.Retries = 0;
                stored.Interruptions = 0;
                _events.Schedule(stored, dueAt);
            });
            if (outcomes.Contains(TimerOutcome.Done)) WakeFor(dueAt.At, now);
            return outcomes;
        }
    }

    public IReadOnlyList<TimerOutcome> Purge(IReadOnlyList<DeadLetterKey> keys)
    {
        lock (_lock) return ForEachDeadLetter(keys, Now(), _events.Remove);
    }

    private TimerOutcome[] ForEachDeadLetter(IReadOnlyList<DeadLetterKey> keys, StoreTime now, Action<StoredEvent> act)
    {
        var outcomes = new TimerOutcome[keys.Count];
        for (int i = 0; i < keys.Count; i++)
        {
            outcomes[i] = TimerOutcome.NotFound;
            if (!_events.TryGet(keys[i].Id, out StoredEvent? stored) || stored.DeadLetter is not DeadLetter deadLetter) continue;
            if (!now.IsMeant(keys[i], deadLetter.At)) continue;
            act(stored);
            outcomes[i] = TimerOutcome.Done;
        }

        return outcomes;
    }

    /// <summary>Deletes the oldest beyond the limits. What one operation leaves over, the next claim takes.</summary>
    private void EvictDeadLetters(DeadLetterLimits limits, StoreTime now)
    {
        long tooOld = now.Milliseconds - (long)limits.Retention.TotalMilliseconds;
        for (int i = 0; i < MaxTrim && _events.DeadLetters.Count > 0; i++)
        {
            TimedId oldest = _events.DeadLetters.Min;
            if (_events.DeadLetters.Count <= limits.MaxCount && oldest.At >= tooOld) return;
            _events.Remove(_events[oldest.Id]);
            _deadLettersEvicted++;
        }
    }
}
