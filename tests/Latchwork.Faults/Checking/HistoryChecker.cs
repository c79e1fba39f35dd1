using Latchwork.Faults.Checking.Listeners;
using Latchwork.Faults.Checking.Locks;
using Latchwork.Faults.Checking.Timers;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking;

/// <summary>Decides from the history of a run alone whether the promises were kept. docs/faults.md says how.</summary>
public static class HistoryChecker
{
    /// <summary>Checks a run.</summary>
    /// <param name="directory">The directory with the files of its processes.</param>
    /// <param name="options">What to allow for.</param>
    /// <returns>What was found.</returns>
    /// <exception cref="InvalidDataException">The files are no history.</exception>
    public static CheckReport Check(string directory, CheckOptions? options = null)
    {
        options ??= new CheckOptions();
        var builder = new RunFactsBuilder(options);
        using var splitter = new HistorySplitter(new HistoryReader(directory), builder, options.BucketBytes);
        RunFacts run = builder.Build();

        CheckReport report = Begin(builder, run, options, splitter.Lines);
        var reports = new CheckReport[splitter.Buckets];
        Parallel.For(
            0,
            splitter.Buckets,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            i => reports[i] = CheckBucket(splitter.Bucket(i), run, options, builder.Begin));

        foreach (CheckReport part in reports) report.Add(part, options.MaxViolations);
        return report;
    }

    /// <summary>Checks a history that is in memory.</summary>
    /// <param name="lines">Its lines; those of one process in the order in which they were written.</param>
    /// <param name="options">What to allow for.</param>
    /// <returns>What was found.</returns>
    public static CheckReport Check(IReadOnlyCollection<HistoryLine> lines, CheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(lines);
        options ??= new CheckOptions();
        var builder = new RunFactsBuilder(options);
        foreach (HistoryLine line in lines) builder.Add(line.Process, line.Entry);
        RunFacts run = builder.Build();
        CheckReport report = Begin(builder, run, options, lines.Count);
        report.Add(CheckBucket(lines, run, options, builder.Begin), options.MaxViolations);
        return report;
    }

    private static CheckReport Begin(RunFactsBuilder builder, RunFacts run, CheckOptions options, long lines)
    {
        var report = new CheckReport
        {
            Entries = lines,
            Duration = TimeSpan.FromMicroseconds(Math.Max(0, builder.End - Math.Min(builder.Begin, builder.End))),
            Tolerance = TimeSpan.FromMicroseconds(run.Slack),
            Seed = builder.Run?.Seed,
            Store = builder.Run?.Store,
        };
        new ListenerRules(run, options, report, builder.Begin).Check();
        new BurstRules(run, options, report, builder.Begin).Check();
        foreach (FaultSpan fault in run.Faults) report.CountFault(fault.Kind);
        foreach ((string outcome, long count) in builder.Claims) report.CountOperation(nameof(Verb.Claim), outcome, count);
        return report;
    }

    private static CheckReport CheckBucket(IEnumerable<HistoryLine> lines, RunFacts run, CheckOptions options, long begin)
    {
        var report = new CheckReport();
        var events = new EventChecker(run, options, report, begin);
        var keys = new KeyChecker(run, options, report, begin);
        foreach ((IdHistory history, bool isKey) in ById(lines))
        {
            history.Complete();
            Count(history, report);
            if (isKey) keys.Check(history);
            else events.Check(history);
        }

        return report;
    }

    private static IEnumerable<(IdHistory History, bool IsKey)> ById(IEnumerable<HistoryLine> lines)
    {
        var histories = new Dictionary<(string Ns, string Id, bool IsKey), IdHistory>();
        var open = new Dictionary<(string Process, long Op), IdHistory>();
        foreach (HistoryLine line in lines)
        {
            if (line.Entry is OperationEnded end)
            {
                if (open.Remove((line.Process, end.Op), out IdHistory? known)) known.Add(line);
                continue;
            }

            if (KeyOf(line.Entry) is not { } key) continue;
            if (!histories.TryGetValue(key, out IdHistory? history)) histories[key] = history = new IdHistory(key.Ns, key.Id);
            history.Add(line);
            if (line.Entry is OperationStarted start) open[(line.Process, start.Op)] = history;
        }

        // In the order of ids, so that the same history gives the same report.
        return histories.OrderBy(pair => pair.Key.Ns, StringComparer.Ordinal).ThenBy(pair => pair.Key.Id, StringComparer.Ordinal)
            .Select(pair => (pair.Value, pair.Key.IsKey));
    }

    private static (string Ns, string Id, bool IsKey)? KeyOf(HistoryEntry entry) => entry switch
    {
        OperationStarted { Id: { } id } start => (start.Ns, id, start.Verb >= Verb.RunOnce),
        EventClaimed e => (e.Ns, e.Id, false),
        HandlerStarted e => (e.Ns, e.Id, false),
        HandlerEnded e => (e.Ns, e.Id, false),
        DeliveryLocalLease e => (e.Ns, e.Id, false),
        DeliveryStopped e => (e.Ns, e.Id, false),
        FinalEvent e => (e.Ns, e.Id, false),
        WorkStarted e => (e.Ns, e.Id, true),
        WorkLocalLease e => (e.Ns, e.Id, true),
        WorkLost e => (e.Ns, e.Id, true),
        WorkEnded e => (e.Ns, e.Id, true),
        _ => null,
    };

    private static void Count(IdHistory history, CheckReport report)
    {
        foreach (Operation operation in history.Operations)
        {
            string outcome = operation.Outcome ?? operation.End?.Ending.ToString() ?? "Open";
            report.CountOperation(operation.Verb.ToString(), outcome, 1);
        }
    }
}
