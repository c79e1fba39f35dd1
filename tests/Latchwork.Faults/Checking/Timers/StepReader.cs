using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Timers;

/// <summary>Turns what was recorded about an id into steps of the search.</summary>
internal sealed class StepReader
{
    private readonly Dictionary<(string Process, long Op), Step> _byOp = [];
    private readonly List<Step> _steps = [];

    private StepReader()
    {
    }

    /// <summary>The steps, in the order of their starts.</summary>
    /// <param name="history">The id.</param>
    /// <param name="run">What concerns all ids.</param>
    public static IReadOnlyList<Step> Read(IdHistory history, RunFacts run)
    {
        var reader = new StepReader();
        foreach (Operation operation in history.Operations)
        {
            if (operation.IsRefused || operation.Verb == Verb.Settle) continue;
            Step step = reader.Of(operation, run);
            if (operation.Start.After is { } after && reader._byOp.TryGetValue((operation.Process, after), out Step? earlier)) step.After = earlier;
            reader._byOp[(operation.Process, operation.Start.Op)] = step;
            reader._steps.Add(step);
        }

        foreach ((string process, HistoryEntry entry) in history.Lines)
        {
            if (entry is EventClaimed claimed) reader._steps.Add(reader.Of(process, claimed));
        }

        if (run.Scans.TryGetValue(history.Ns, out FinalScan? scan)) reader._steps.Add(reader.Of(scan, history));
        return [.. reader._steps.OrderBy(step => step.From)];
    }

    private Step Of(Operation operation, RunFacts run)
    {
        OperationStarted start = operation.Start;
        bool answered = operation.IsAnswered;
        return new Step
        {
            Index = _steps.Count,
            Verb = operation.Verb,
            Process = operation.Process,
            Op = start.Op,
            From = operation.From,
            To = operation.To,
            Outcome = answered ? operation.Outcome : null,
            Version = operation.Verb == Verb.Post ? start.Version : operation.End?.Version,
            DueLow = DueLow(start, run),
            IfExists = start.IfExists ?? IfExists.Replace,
            MaxRetries = start.MaxRetries ?? 0,
            Retries = operation.End?.Retries ?? 0,
            Token = start.Token,
            Lease = start.Lease ?? 0,
        };
    }

    private Step Of(string process, EventClaimed claimed) => new()
    {
        Index = _steps.Count,
        Verb = Verb.Claim,
        Process = process,
        Op = claimed.Op,
        From = claimed.SentAt,
        To = claimed.At,
        Outcome = "Done",
        Version = claimed.Version,
        Retries = claimed.Retries,
        MaxRetries = claimed.MaxRetries,
        Token = claimed.Token,
        Lease = claimed.Lease,
    };

    private Step Of(FinalScan scan, IdHistory history)
    {
        FinalEvent? final = history.Lines.Select(line => line.Entry).OfType<FinalEvent>().LastOrDefault();
        return new Step
        {
            Index = _steps.Count,
            Verb = Verb.Peek,
            Process = "final",
            Op = 0,
            From = scan.From,
            To = scan.To,
            Outcome = final?.State.ToString() ?? "Absent",
            Version = final?.Version,
            Retries = final?.Retries ?? 0,
        };
    }

    // Counted from the start: the store cannot have meant an earlier time.
    private static long? DueLow(OperationStarted start, RunFacts run)
    {
        if (start.DueAt is { } unix) return run.MaxUnixOffset is { } offset ? Math.Max(start.At, unix - offset) : start.At;
        if (start.Delay is { } delay) return start.At + delay;
        return start.Verb is Verb.Fail or Verb.Interrupt ? null : start.At;
    }
}
