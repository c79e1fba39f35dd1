using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Shouldly;

namespace Latchwork.Faults.CheckingTests;

/// <summary>A history written by hand. Times are in ms.</summary>
internal sealed class Script
{
    private long _op;

    public List<HistoryLine> Lines { get; } = [];

    public CheckReport Report => HistoryChecker.Check(Lines);

    public Script Add(string process, HistoryEntry entry)
    {
        Lines.Add(new HistoryLine(process, entry));
        return this;
    }

    /// <summary>An operation; without an end if <paramref name="to"/> is null.</summary>
    public Script Op(
        Verb verb,
        string id,
        double from,
        double? to,
        string? outcome,
        Func<OperationStarted, OperationStarted>? start = null,
        Func<OperationEnded, OperationEnded>? end = null,
        string process = "p",
        Ending ending = Ending.Answered)
    {
        var begun = new OperationStarted(Us(from), ++_op, verb, "n", id);
        Add(process, start is null ? begun : start(begun));
        if (to is null) return this;
        var ended = new OperationEnded(Us(to.Value), _op, ending) { Outcome = outcome };
        return Add(process, end is null ? ended : end(ended));
    }

    public Script Post(
        string id, string version, double from, double? to, double delay, string? outcome = "Created", int retries = 0, IfExists ifExists = IfExists.Replace, Ending ending = Ending.Answered,
        long? after = null) =>
        Op(
            Verb.Post, id, from, to, outcome, start => start with { Version = version, Delay = Us(delay), MaxRetries = retries, IfExists = ifExists, After = after }, ending: ending);

    /// <summary>The number of the last operation.</summary>
    public long LastOp => _op;

    public Script Simple(Verb verb, string id, double from, double? to, string? outcome, double delay = 0, Ending ending = Ending.Answered) =>
        Op(verb, id, from, to, outcome, start => start with { Delay = verb is Verb.ChangeDelay or Verb.Requeue ? Us(delay) : null }, ending: ending);

    /// <summary>A claim that returns one event, and its handler's start.</summary>
    public Script Claim(string id, string version, double from, double to, string token, int retries = 0, int max = 0, double lease = 10_000, string process = "l", bool handled = true)
    {
        Add(process, new OperationStarted(Us(from), ++_op, Verb.Claim, "n", null) { Token = token, Lease = Us(lease) });
        Add(process, new EventClaimed(Us(to), _op, "n", id, token, version, retries, max, 0, Us(from), Us(lease)));
        Add(process, new OperationEnded(Us(to), _op, Ending.Answered) { Outcome = "Done" });
        if (handled) Add(process, new HandlerStarted(Us(to), "n", id, token, version, retries, max, Us(from + lease) - Us(to), 0));
        return this;
    }

    /// <summary>A claim whose answer nobody saw.</summary>
    public Script LostClaim(double from, double? to, string token, double lease = 10_000, string process = "l")
    {
        Add(process, new OperationStarted(Us(from), ++_op, Verb.Claim, "n", null) { Token = token, Lease = Us(lease) });
        return to is null ? this : Add(process, new OperationEnded(Us(to.Value), _op, Ending.Unknown));
    }

    /// <summary>Confirm, extend, release or fail.</summary>
    public Script End(Verb verb, string id, double from, double? to, string token, string? outcome = "Done", double? delay = null, double lease = 10_000, string process = "l", Ending ending = Ending.Answered) =>
        Op(
            verb, id, from, to, outcome,
            start => start with { Token = token, Delay = delay is { } d ? Us(d) : null, Lease = verb == Verb.Extend ? Us(lease) : null },
            process: process,
            ending: ending);

    public Script Fault(string kind, double from, double to, double? lossWindow = null, bool outage = true, string target = "store")
    {
        int fault = Lines.Count;
        Add("h", new FaultStarted(Us(from), fault, kind, target) { Outage = outage, LossWindow = lossWindow is { } w ? Us(w) : null });
        return Add("h", new FaultEnded(Us(to), fault));
    }

    /// <summary>The listing at the end.</summary>
    public Script Final(double from, params FinalEvent[] events)
    {
        Add("h", new FinalScanStarted(Us(from), "n", Us(from - 60_000)));
        foreach (FinalEvent e in events) Add("h", e with { At = Us(from) });
        return Add("h", new FinalScanEnded(Us(from + 1), "n"));
    }

    /// <summary>A listener from its join to its leave; its leave does not end if <paramref name="left"/> is null.</summary>
    public Script Listener(long number, double joining, double joined, double? leaving = null, double? left = null, bool wasJoined = true, double bound = 2_000, string process = "l")
    {
        Add(process, new ListenerJoining(Us(joining), "n", number));
        Add(process, new ListenerJoined(Us(joined), number));
        if (leaving is { } from) Add(process, new ListenerLeaving(Us(from), number, wasJoined, Us(bound)));
        return left is { } to ? Add(process, new ListenerLeft(Us(to), number)) : this;
    }

    /// <summary>A post, and the start of its handler for a listener.</summary>
    public Script Handled(long listener, double at, string process = "l") =>
        Post("a", "v1", 0, 1, 0).Claim("a", "v1", at - 2, at - 1, "t1", process: process, handled: false)
            .Add(process, new HandlerStarted(Us(at), "n", "a", "t1", "v1", 0, 0, 0, 0) { Listener = listener });

    public static FinalEvent Left(string id, string version, TimerState state, int retries = 0, double left = 0, double? overdue = null, string? token = null) =>
        new(0, "n", id, version, state, retries, Us(left)) { Overdue = overdue is { } o ? Us(o) : null, Token = token };

    public void ShouldPass()
    {
        CheckReport report = Report;
        (report.ViolationCount, report.Undecided).ShouldBe((0, 0), report.ToString());
    }

    /// <summary>Exactly one rule is broken.</summary>
    public Violation ShouldBreak(string rule)
    {
        CheckReport report = Report;
        report.ViolationsByRule.Keys.ShouldBe([rule], report.ToString());
        Violation violation = report.Violations[0];
        violation.Excerpt.ShouldNotBeEmpty();
        violation.Sentence.ShouldContain(violation.Id);
        return violation;
    }

    public static long Us(double ms) => (long)(ms * 1000);
}
