using System.Globalization;
using System.Text;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Listeners;

/// <summary>Whoever has joined is joined until told to leave; leaves, and processes that are asked to end, end within their bounds.</summary>
internal sealed class ListenerRules(RunFacts run, CheckOptions options, CheckReport report, long begin)
{
    public void Check()
    {
        foreach (ListenerFacts listener in run.Listeners.Values)
        {
            // The time of leaving is read before whether it is joined: who is told to leave while it joins need not be.
            if (listener is { Joined: { } joined, Leaving.WasJoined: false } && joined.At <= listener.Leaving.At)
            {
                Offend(Rules.Membership, listener, $"had joined, and was not joined any more at {Time(listener.Leaving.At)}, when it was told to leave for the first time", listener.Leaving.At);
            }

            if (listener.Leaving is { } leaving) CheckLeave(listener, leaving);
        }

        foreach (ProcessEnding ending in run.Endings) CheckEnding(ending);
    }

    private void CheckLeave(ListenerFacts listener, ListenerLeaving leaving)
    {
        if (listener.Left is null && run.WasKilled(listener.Process)) return;
        long end = listener.Left?.At ?? run.EndOf(listener.Process);
        long outage = run.OutageWithin(listener.Process, leaving.At, end);
        if (end - leaving.At <= leaving.Bound + outage + options.WaitGrace) return;
        string how = listener.Left is null ? "has not ended" : "ended";
        Offend(Rules.Shutdown, listener, $"was told to leave at {Time(leaving.At)}; that {how} {Seconds(end - leaving.At)} later, and its bound is {Seconds(leaving.Bound)} and outages of {Seconds(outage)}", leaving.At);
    }

    private void CheckEnding(ProcessEnding ending)
    {
        long end = run.EndOf(ending.Process);
        long outage = run.OutageWithin(ending.Process, ending.At, end);
        if (end - ending.At <= options.ShutdownBound + outage) return;
        string sentence = $"'{ending.Process}' was asked to end at {Time(ending.At)}, and was there {Seconds(end - ending.At)} later; its bound is {Seconds(options.ShutdownBound)} and outages of {Seconds(outage)}.";
        report.Add(new Violation(Rules.Shutdown, "", ending.Process, sentence, [Line(ending)]), options.MaxViolations);
    }

    private void Offend(string rule, ListenerFacts listener, string what, long at)
    {
        HistoryEntry?[] entries = [listener.Joining, listener.Joined, listener.Leaving, listener.Left];
        string sentence = $"Listener {listener.Joining.Listener} of '{listener.Process}' {what}.";
        report.Add(new Violation(rule, listener.Joining.Ns, listener.Process, sentence, [.. entries.OfType<HistoryEntry>().Select(entry => (entry.At == at ? ">" : " ") + Line(entry))]), options.MaxViolations);
    }

    private string Line(HistoryEntry entry) => $"{Time(entry.At)} {Encoding.UTF8.GetString(HistoryJson.ToLine(entry)).TrimEnd()}";

    private string Time(long at) => Seconds(at - begin);

    private static string Seconds(long span) => (span / 1e6).ToString("F6", CultureInfo.InvariantCulture) + " s";
}
