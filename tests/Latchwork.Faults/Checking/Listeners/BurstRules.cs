using System.Globalization;
using System.Text;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Listeners;

/// <summary>No event waits, in a queue or in the store, while a node with a free place stands by.</summary>
internal sealed class BurstRules(RunFacts run, CheckOptions options, CheckReport report, long begin)
{
    private readonly List<(string Process, HistoryEntry Entry)> _lines = [.. run.BurstLines.OrderBy(line => line.Entry.At)];

    public void Check()
    {
        foreach ((_, HistoryEntry entry) in _lines)
        {
            if (entry is not BurstPosted burst || run.MayLose(burst.At, burst.Due)) continue;
            for (int number = 0; number < burst.Count; number++) Check(burst, number);
        }
    }

    private void Check(BurstPosted burst, int number)
    {
        HistoryEntry? start = _lines.Find(line => line.Entry is BurstHandlerStarted started && started.Burst == burst.Burst && started.Number == number).Entry;
        long started = start?.At ?? run.End;
        if (started - burst.Due <= options.IdleGrace) return;

        // Whoever was hurt meanwhile may have held it; then nothing is said.
        string[] listeners = [.. _lines.Where(line => line.Entry is BurstListenerJoined).Select(line => line.Process).Distinct()];
        if (listeners.Any(process => IsHurt(process, burst.At - options.IdleGrace / 2, started))) return;
        foreach (string process in listeners)
        {
            if (HadFreePlace(process, burst.Due, started)) Offend(burst, number, process, started);
        }
    }

    private bool IsHurt(string process, long from, long to) =>
        run.OutageWithin(process, from, to) > 0 || (run.EndOf(process) is var end && end >= from && end < to);

    private bool HadFreePlace(string process, long from, long to)
    {
        int places = 0, running = 0;
        foreach ((string who, HistoryEntry entry) in _lines)
        {
            if (who != process || entry.At >= to) continue;
            if (entry is BurstListenerLeft) return false;
            if (entry is BurstListenerJoined joined)
            {
                if (joined.At > from) return false;
                places = joined.Places;
            }

            if (entry is BurstHandlerStarted && ++running >= places && entry.At >= from) return false;
            if (entry is BurstHandlerEnded)
            {
                if (entry.At >= from && running >= places) return false;
                running--;
            }
        }

        return running < places;
    }

    private void Offend(BurstPosted burst, int number, string process, long started)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{burst.Burst}:{number}");
        string sentence = $"'{id}' waited for {(started - burst.Due) / 1e6:F1} s after it was due, while '{process}' had a free place all the time.";
        string[] excerpt = [.. _lines.Where(line => line.Entry.At >= burst.At - 1_000_000 && line.Entry.At <= started + 1_000_000)
            .Select(line => $"{(line.Entry.At - begin) / 1e6:F6} s {line.Process} {Encoding.UTF8.GetString(HistoryJson.ToLine(line.Entry)).TrimEnd()}")];
        report.Add(new Violation(Rules.Idle, "bursts", id, sentence, excerpt), options.MaxViolations);
    }
}
