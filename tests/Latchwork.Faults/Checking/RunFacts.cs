using Latchwork.Faults.Checking.Listeners;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking;

/// <summary>A span of time, both ends included.</summary>
internal readonly record struct Span(long From, long To)
{
    public bool Overlaps(long from, long to) => From <= to && To >= from;
}

/// <summary>A claim whose answer nobody saw: it may have taken any due event of its namespace.</summary>
/// <param name="From">When it was sent.</param>
/// <param name="To">Until when it may have been done.</param>
/// <param name="Lease">The length of the lease that it asked for.</param>
internal readonly record struct LostClaim(long From, long To, long Lease);

/// <summary>A fault and where it was aimed.</summary>
internal readonly record struct FaultSpan(string Kind, string Target, bool Outage, Span Span);

/// <summary>What concerns all ids: faults, processes, clocks, claims without an answer, final listings.</summary>
internal sealed class RunFacts
{
    private readonly Dictionary<string, LostClaim[]> _lostClaims;
    private readonly HashSet<string> _lostTokens;
    private readonly Dictionary<string, long> _ends;
    private readonly HashSet<string> _killed;
    private readonly Func<long, long, long> _reach;

    public RunFacts(RunFactsBuilder builder)
    {
        _lostClaims = builder.LostClaims;
        _lostTokens = builder.LostTokens;
        _ends = builder.ProcessEnds;
        _killed = builder.Killed;
        _reach = builder.Reach;
        RowsAreLocked = builder.Run?.Store == "postgres";
        Faults = builder.Faults;
        LossWindows = builder.LossWindows;
        Scans = builder.Scans;
        Listeners = builder.Listeners;
        Endings = builder.Endings;
        BurstLines = builder.BurstLines;
        Namespaces = builder.Namespaces;
        End = builder.End;
        Slack = builder.Slack;
        MaxUnixOffset = builder.MaxUnixOffset;
    }

    /// <summary>Whether an open transaction may hold an event, so that an extension is answered <see cref="TimerOutcome.InFlight"/>.</summary>
    public bool RowsAreLocked { get; }

    public IReadOnlyList<FaultSpan> Faults { get; }

    /// <summary>Within these, acknowledged writes may be lost and there may be two primaries.</summary>
    public IReadOnlyList<Span> LossWindows { get; }

    /// <summary>The final listings that were completed, by namespace.</summary>
    public IReadOnlyDictionary<string, FinalScan> Scans { get; }

    /// <summary>The listeners, by their process and number.</summary>
    public IReadOnlyDictionary<(string Process, long Listener), ListenerFacts> Listeners { get; }

    /// <summary>The processes that were asked to end.</summary>
    public IReadOnlyList<ProcessEnding> Endings { get; }

    /// <summary>All about bursts.</summary>
    public IReadOnlyList<(string Process, HistoryEntry Entry)> BurstLines { get; }

    /// <summary>The namespaces that the store lists at the end; null if nobody asked.</summary>
    public FinalNamespaces? Namespaces { get; }

    /// <summary>The time of the last entry.</summary>
    public long End { get; }

    /// <summary>How much two readings of time may differ.</summary>
    public long Slack { get; }

    /// <summary>Real time minus monotonic time, at most; null if no sample was taken.</summary>
    public long? MaxUnixOffset { get; }

    /// <summary>Claims without an answer in a namespace, in the order in which they were sent.</summary>
    public ReadOnlySpan<LostClaim> LostClaims(string ns) => _lostClaims.GetValueOrDefault(ns);

    /// <summary>Whether a token is that of a claim without an answer.</summary>
    public bool IsLostToken(string token) => _lostTokens.Contains(token);

    /// <summary>When a process ended; the end of the history if it was not noted.</summary>
    public long EndOf(string process) => _ends.GetValueOrDefault(process, End);

    /// <summary>Whether a process was killed.</summary>
    public bool WasKilled(string process) => _killed.Contains(process);

    /// <summary>Until when a forgetting without an answer may take effect.</summary>
    public long ReachOf(Operation operation) =>
        operation.IsAnswered ? operation.To : _reach(operation.From, operation.End is null ? EndOf(operation.Process) : operation.To);

    /// <summary>Whether acknowledged writes of this span may be lost.</summary>
    public bool MayLose(long from, long to)
    {
        foreach (Span window in LossWindows)
        {
            if (window.Overlaps(from, to)) return true;
        }

        return false;
    }

    /// <summary>Whether what was done at this time came long enough after all losses to be there at the end.</summary>
    public bool IsSettledAt(long at, long grace)
    {
        foreach (Span window in LossWindows)
        {
            if (at <= window.To + grace) return false;
        }

        return true;
    }

    /// <summary>How long within a span the store may have been out of reach of a process, or the process itself was hurt.</summary>
    public long OutageWithin(string process, long from, long to)
    {
        long outage = 0, covered = from;
        foreach (FaultSpan fault in Faults)
        {
            if (fault.Target != process && !(fault.Outage && fault.Target == "store")) continue;
            long start = Math.Max(fault.Span.From, covered), end = Math.Min(fault.Span.To, to);
            if (end <= start) continue;
            outage += end - start;
            covered = end;
        }

        return outage;
    }
}

/// <summary>A complete listing of a namespace at the end.</summary>
internal sealed record FinalScan(long From, long To, long? Drained);
