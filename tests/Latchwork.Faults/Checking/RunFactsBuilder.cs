using Latchwork.Faults.Checking.Listeners;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking;

/// <summary>Gathers what concerns all ids while the history is read once.</summary>
internal sealed class RunFactsBuilder(CheckOptions options)
{
    private readonly Dictionary<(string Process, long Op), OperationStarted> _openClaims = [];
    private readonly List<(OperationStarted Start, string Process, long End)> _unanswered = [];
    private readonly Dictionary<(string Process, int Fault), FaultStarted> _openFaults = [];
    private readonly List<FaultSpan> _faults = [];
    private readonly List<Span> _windows = [];
    private readonly List<(long At, long Offset)> _clock = [];
    private readonly Dictionary<string, FinalScanStarted> _openScans = [];

    public Dictionary<string, LostClaim[]> LostClaims { get; } = [];

    public HashSet<string> LostTokens { get; } = [];

    public Dictionary<string, long> ProcessEnds { get; } = [];

    public HashSet<string> Killed { get; } = [];

    public Dictionary<string, FinalScan> Scans { get; } = [];

    public Dictionary<(string Process, long Listener), ListenerFacts> Listeners { get; } = [];

    public List<ProcessEnding> Endings { get; } = [];

    public List<(string Process, HistoryEntry Entry)> BurstLines { get; } = [];

    public FinalNamespaces? Namespaces { get; private set; }

    public IReadOnlyList<FaultSpan> Faults => _faults;

    public IReadOnlyList<Span> LossWindows => _windows;

    /// <summary>Claims by how they ended.</summary>
    public Dictionary<string, long> Claims { get; } = [];

    public RunStarted? Run { get; private set; }

    public long Begin { get; private set; } = long.MaxValue;

    public long End { get; private set; }

    public long Slack { get; private set; }

    public long? MaxUnixOffset { get; private set; }

    /// <summary>Takes in an entry; those of one id only move the end.</summary>
    public void Add(string process, HistoryEntry entry)
    {
        See(entry.At);
        switch (entry)
        {
            case RunStarted run:
                Run = run;
                break;
            case ProcessEnded ended:
                string who = ended.Process ?? process;
                if (ended.Killed) Killed.Add(who);
                ProcessEnds[who] = ProcessEnds.TryGetValue(who, out long known) ? Math.Min(known, ended.At) : ended.At;
                break;
            case ProcessEnding ending:
                Endings.Add(ending);
                break;
            case ListenerJoining joining:
                Listeners.Add((process, joining.Listener), new ListenerFacts(process, joining));
                break;
            case ListenerJoined joined:
                Listeners[(process, joined.Listener)].Joined = joined;
                break;
            case ListenerLeaving leaving:
                Listeners[(process, leaving.Listener)].Leaving = leaving;
                break;
            case ListenerLeft left:
                Listeners[(process, left.Listener)].Left = left;
                break;
            case BurstPosted or BurstListenerJoined or BurstListenerLeft or BurstHandlerStarted or BurstHandlerEnded:
                BurstLines.Add((process, entry));
                break;
            case FinalNamespaces namespaces:
                Namespaces = namespaces;
                break;
            case ClockSample sample:
                _clock.Add((sample.At, sample.UnixTime - sample.At));
                break;
            case FaultStarted fault:
                _openFaults[(process, fault.Fault)] = fault;
                break;
            case FaultEnded ended:
                if (!_openFaults.Remove((process, ended.Fault), out FaultStarted? begun))
                {
                    throw new InvalidDataException($"'{process}' ended fault {ended.Fault}, which had not begun.");
                }

                Close(begun, ended.At);
                break;
            case OperationStarted { Verb: Verb.Claim } claim:
                _openClaims[(process, claim.Op)] = claim;
                break;
            case OperationEnded ended when _openClaims.Remove((process, ended.Op), out OperationStarted? claim):
                Count(ended.Outcome ?? ended.Ending.ToString());
                if (ended.Ending is not (Ending.Answered or Ending.Refused)) _unanswered.Add((claim, process, ended.At));
                break;
            case FinalScanStarted scan:
                _openScans[scan.Ns] = scan;
                break;
            case FinalScanEnded ended:
                if (_openScans.Remove(ended.Ns, out FinalScanStarted? opened)) Scans[ended.Ns] = new FinalScan(opened.At, ended.At, opened.Drained);
                break;
        }
    }

    /// <summary>There was an entry at this time.</summary>
    public void See(long at)
    {
        Begin = Math.Min(Begin, at);
        End = Math.Max(End, at);
    }

    /// <summary>All was read.</summary>
    public RunFacts Build()
    {
        foreach (FaultStarted fault in _openFaults.Values) Close(fault, End);
        _openFaults.Clear();
        _faults.Sort((a, b) => a.Span.From.CompareTo(b.Span.From));
        _windows.Sort((a, b) => a.From.CompareTo(b.From));
        foreach (((string process, _), OperationStarted claim) in _openClaims)
        {
            Count("Open");
            _unanswered.Add((claim, process, ProcessEnds.GetValueOrDefault(process, End)));
        }

        foreach (IGrouping<string, (OperationStarted Start, string Process, long End)> ns in _unanswered.GroupBy(claim => claim.Start.Ns))
        {
            LostClaims[ns.Key] = [.. ns.Select(claim => new LostClaim(claim.Start.At, Reach(claim.Start.At, claim.End), claim.Start.Lease ?? 0)).OrderBy(claim => claim.From)];
            foreach ((OperationStarted start, _, _) in ns) LostTokens.Add(start.Token ?? "");
        }

        MeasureClock();
        return new RunFacts(this);
    }

    private void Close(FaultStarted fault, long end)
    {
        _faults.Add(new FaultSpan(fault.Kind, fault.Target, fault.Outage, new Span(fault.At, end)));
        if (fault.LossWindow is { } window) _windows.Add(new Span(fault.At - window, end));
    }

    /// <summary>Until when an operation without an answer may take effect: what was written may lie in a buffer for as long as a fault holds it back.</summary>
    public long Reach(long from, long end)
    {
        long reach = end + options.Reach;
        foreach (FaultSpan fault in _faults)
        {
            if (fault.Span.Overlaps(from, reach)) reach = Math.Max(reach, fault.Span.To + options.Reach);
        }

        return reach;
    }

    private void Count(string claim) => Claims[claim] = Claims.GetValueOrDefault(claim) + 1;

    // A sample is late when its process was held up between its two readings, never early: of ten neighbours the least is the truest.
    private void MeasureClock()
    {
        Slack = options.Slack;
        if (_clock.Count == 0) return;
        _clock.Sort();
        long[] best = [.. _clock.Chunk(10).Where((chunk, i) => i == 0 || chunk.Length >= 5).Select(chunk => chunk.Min(sample => sample.Offset))];
        MaxUnixOffset = best.Max();
        Slack += best.Max() - best.Min();
    }
}
