using Latchwork.Faults.History;

namespace Latchwork.Faults.Running;

/// <summary>
/// Compares the rows that the application wrote in its transactions with the history: no event of a transaction that was rolled back was ever
/// delivered, none of a committed one is missing, and what was handled in a transaction was handled once. What was under way while acknowledged writes
/// could be lost is not judged: rows and events are lost together, but the history does not say which.
/// </summary>
/// <param name="posted">The versions that were posted in transactions which were committed.</param>
/// <param name="handled">The versions that were confirmed in transactions which were committed, each with the delivery's token.</param>
internal sealed class OwnRows(IReadOnlySet<string> posted, IReadOnlyDictionary<string, string> handled)
{
    /// <summary>Compares.</summary>
    /// <param name="folder">The history.</param>
    /// <returns>What does not fit.</returns>
    public IEnumerable<string> Compare(string folder)
    {
        var starts = new Dictionary<(string Process, long Op), OperationStarted>();
        var ends = new Dictionary<(string Process, long Op), Ending>();
        var delivered = new HashSet<string>(StringComparer.Ordinal);
        var left = new HashSet<string>(StringComparer.Ordinal);
        var purged = new HashSet<string>(StringComparer.Ordinal);
        var times = new Dictionary<(string Process, long Op), long>();
        var windows = new Dictionary<int, (long From, long To)>();
        foreach (HistoryLine line in new HistoryReader(folder).Read())
        {
            switch (line.Entry)
            {
                case OperationStarted { InTransaction: true } start:
                    starts[(line.Process, start.Op)] = start;
                    break;
                case OperationEnded end when starts.ContainsKey((line.Process, end.Op)):
                    ends[(line.Process, end.Op)] = end.Ending;
                    times[(line.Process, end.Op)] = end.At;
                    break;
                case FaultStarted { LossWindow: { } window } fault:
                    windows[fault.Fault] = (fault.At - window, long.MaxValue);
                    break;
                case FaultEnded fault when windows.TryGetValue(fault.Fault, out (long From, long To) open):
                    windows[fault.Fault] = open with { To = fault.At };
                    break;
                case OperationStarted { Verb: Verb.Purge } purge:
                    purged.Add(purge.Id!); // a lease that ran out made it a dead letter, and whoever had claimed it never heard of it
                    break;
                case EventClaimed claimed:
                    delivered.Add(claimed.Version);
                    break;
                case FinalEvent final:
                    left.Add(final.Version);
                    break;
            }
        }

        foreach ((var key, OperationStarted start) in starts)
        {
            long ended = times.GetValueOrDefault(key, long.MaxValue);
            if (windows.Values.Any(window => start.At <= window.To && window.From <= ended)) continue;
            string version = start.Version!;
            Ending? ending = ends.TryGetValue(key, out Ending known) ? known : null;
            bool isThere = start.Verb == Verb.Post ? posted.Contains(version) : handled.GetValueOrDefault(version) == start.Token;
            if (isThere && ending == Ending.Refused) yield return $"{start.Verb} {start.Id}: its transaction was not committed, and its row is there.";
            if (!isThere && ending == Ending.Answered) yield return $"{start.Verb} {start.Id}: its transaction was committed, and its row is not there.";
            if (start.Verb != Verb.Post) continue;
            if (!isThere && (delivered.Contains(version) || left.Contains(version))) yield return $"{start.Id}: its transaction was not committed, and the event was posted.";
            if (isThere && !delivered.Contains(version) && !left.Contains(version) && !purged.Contains(start.Id!)) yield return $"{start.Id}: its transaction was committed, and the event is missing.";
        }

        foreach (string version in handled.Keys.Where(left.Contains)) yield return $"{version} was confirmed in a transaction that was committed, and the event is still there.";
    }
}
