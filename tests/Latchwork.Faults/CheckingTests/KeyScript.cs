using Latchwork.Faults.History;

namespace Latchwork.Faults.CheckingTests;

/// <summary>What happens to the key <c>k</c>. Times are in ms.</summary>
internal static class KeyScript
{
    public static Script Grant(this Script script, double from, double to, string nonce, long fencingToken, double lease = 5000, string process = "a", long? ceiling = null) =>
        script.Op(
            Verb.LockRequest, "k", from, to, "Granted",
            start => start with { Token = nonce, Lease = Script.Us(lease), Ceiling = ceiling is { } c ? Script.Us(c) : null },
            end => end with { FencingToken = fencingToken },
            process);

    /// <summary>A request that is answered with an outcome.</summary>
    public static Script Given(this Script script, double from, double to, string value, long fencingToken, long? waitingFor = null, string process = "b") =>
        script.Op(
            Verb.LockRequest, "k", from, to, "Outcome",
            start => start with { Token = "x", Lease = Script.Us(5000), WaitingFor = waitingFor },
            end => end with { FencingToken = fencingToken, Value = value },
            process);

    public static Script Renew(this Script script, double from, double to, string nonce, long fencingToken, bool isOurs = true, double lease = 5000, string process = "a") =>
        script.Op(
            Verb.LockRenew, "k", from, to, isOurs.ToString(), start => start with { Token = nonce, FencingToken = fencingToken, Lease = Script.Us(lease) }, process: process);

    public static Script Publish(
        this Script script, double from, double? to, string? nonce, long fencingToken, string value, string? outcome = "Accepted", double freshFor = 60_000, string process = "a", Ending ending = Ending.Answered) =>
        script.Op(
            Verb.LockPublish, "k", from, to, outcome,
            start => start with { Token = nonce, FencingToken = fencingToken, Value = value, FreshFor = Script.Us(freshFor) },
            process: process,
            ending: ending);

    public static Script Release(this Script script, double from, double to, string nonce, long fencingToken, string process = "a") =>
        script.Op(Verb.LockRelease, "k", from, to, "True", start => start with { Token = nonce, FencingToken = fencingToken }, process: process);

    public static Script Forget(this Script script, double from, double? to, Ending ending = Ending.Answered) =>
        script.Op(Verb.LockForget, "k", from, to, ending == Ending.Answered ? "True" : null, process: "f", ending: ending);

    /// <summary>A call of <c>RunOnceAsync</c>.</summary>
    public static Script Run(this Script script, double from, double? to, string? value, double bound = 60_000, string process = "b", Ending ending = Ending.Answered) =>
        script.Op(
            Verb.RunOnce, "k", from, to, ending == Ending.Answered ? "Done" : null,
            start => start with { Bound = Script.Us(bound) },
            end => end with { Value = value },
            process,
            ending);

    /// <summary>A factory that runs; it has not ended if <paramref name="to"/> is null.</summary>
    public static Script Factory(this Script script, double from, double? to, long fencingToken, string process = "a")
    {
        script.Add(process, new WorkStarted(Script.Us(from), "n", "k", fencingToken, 0) { IsFactory = true });
        return to is { } end ? script.Add(process, new WorkEnded(Script.Us(end), "n", "k", fencingToken, CodeResult.Returned)) : script;
    }
}
