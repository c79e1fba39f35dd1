using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <content>The history.</content>
internal sealed partial class InMemoryPartition
{
    private readonly Dictionary<string, CompletedEvent> _completed = [];
    private readonly SortedSet<TimedId> _completedByTime = [];

    public TimerPage Completed(string? cursor, int limit)
    {
        lock (_lock)
        {
            TimedId before = CompletedRules.Before(cursor);
            List<CompletedEvent> lines = [.. _completedByTime.GetViewBetween(default, before).Reverse().Where(place => place != before).Take(limit + 1).Select(place => _completed[place.Id])];
            return CompletedRules.Page(lines, limit).ToSnapshots();
        }
    }

    private void Complete(StoredEvent stored, CompletedOutcome outcome, StoreTime now)
    {
        if (_completed.Remove(stored.Id, out CompletedEvent? former)) _completedByTime.Remove(PlaceOf(former));
        Lease lease = stored.Lease!;
        var line = new CompletedEvent(
            stored.Id, now.Show(stored.DueBy(now)), now.Show(lease.ClaimedAt), DateTimeOffset.FromUnixTimeMilliseconds(now.RawMilliseconds),
            lease.NodeId, stored.Retries, stored.MaxRetries, outcome);
        _completed.Add(line.Id, line);
        _completedByTime.Add(PlaceOf(line));
    }

    private void TrimCompleted(CompletedLimits limits, StoreTime now)
    {
        if (!limits.Keeps) return;
        var trim = CompletedTrim.Of(limits, _completed.Count, now);
        var toCome = new TimedId(trim.Now + 1, "");
        if (trim.MostToCome > 0 && _completedByTime.Max.CompareTo(toCome) > 0)
        {
            TimedId[] going = [.. _completedByTime.GetViewBetween(toCome, _completedByTime.Max).Take(trim.MostToCome)];
            foreach (TimedId line in going) RemoveCompleted(line);
            trim = trim with { TooMany = trim.TooMany - going.Length };
        }

        for (int gone = 0; _completedByTime.Count > 0 && trim.Takes(gone, _completedByTime.Min.At); gone++)
        {
            RemoveCompleted(_completedByTime.Min);
        }
    }

    private void RemoveCompleted(TimedId line)
    {
        _completedByTime.Remove(line);
        _completed.Remove(line.Id);
    }

    private static TimedId PlaceOf(CompletedEvent line) => new(line.CompletedAt.ToUnixTimeMilliseconds(), line.Id);
}
