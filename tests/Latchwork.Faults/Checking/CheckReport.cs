using System.Globalization;
using System.Text;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking;

/// <summary>A promise that the history breaks.</summary>
/// <param name="Rule">Which: see <see cref="Rules"/>.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The event's id or the key.</param>
/// <param name="Sentence">What happened.</param>
/// <param name="Excerpt">The lines about this id around it.</param>
public sealed record Violation(string Rule, string Ns, string Id, string Sentence, IReadOnlyList<string> Excerpt);

/// <summary>An acknowledged write that was lost where that is allowed.</summary>
/// <param name="At">When it was acknowledged: µs since the history's first line.</param>
/// <param name="Verb">What it was.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Process">Who was told that it was done.</param>
public sealed record LostAnswer(long At, Verb Verb, string Id, string Process);

/// <summary>What a check found.</summary>
public sealed class CheckReport
{
    private readonly SortedDictionary<string, long> _operations = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _redeliveries = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _fates = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _faults = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _lost = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _rules = new(StringComparer.Ordinal);
    private readonly List<Violation> _violations = [];
    private readonly List<LostAnswer> _lostAnswers = [];

    /// <summary>Operations, as "verb outcome".</summary>
    public IReadOnlyDictionary<string, long> Operations => _operations;

    /// <summary>Deliveries beyond an event's first, by their explanation.</summary>
    public IReadOnlyDictionary<string, long> Redeliveries => _redeliveries;

    /// <summary>What became of the events that were posted: confirmed, cancelled, replaced, purged, scheduled, in flight, dead.</summary>
    public IReadOnlyDictionary<string, long> Fates => _fates;

    /// <summary>Faults by kind.</summary>
    public IReadOnlyDictionary<string, long> Faults => _faults;

    /// <summary>Acknowledged writes that were lost within the window of a fault that may lose them, by verb.</summary>
    public IReadOnlyDictionary<string, long> Lost => _lost;

    /// <summary>The first of them.</summary>
    public IReadOnlyList<LostAnswer> LostAnswers => _lostAnswers;

    /// <summary>Violations by rule; all of them, also those that are not described.</summary>
    public IReadOnlyDictionary<string, long> ViolationsByRule => _rules;

    /// <summary>The first violations.</summary>
    public IReadOnlyList<Violation> Violations => _violations;

    /// <summary>Lines of the history.</summary>
    public long Entries { get; set; }

    /// <summary>Events and keys.</summary>
    public long Ids { get; set; }

    /// <summary>Ids whose operations allow so many orders that not all could be tried: nothing is said about them.</summary>
    public long Undecided { get; set; }

    /// <summary>Events of namespaces whose content was not listed at the end: nobody can say that none of them is lost.</summary>
    public long Unlisted { get; set; }

    /// <summary>Deliveries: events that were claimed.</summary>
    public long Deliveries { get; set; }

    /// <summary>Calls of handlers.</summary>
    public long Handlers { get; set; }

    /// <summary>The latest that an event reached a handler, as told to it.</summary>
    public TimeSpan MaxLateness { get; set; }

    /// <summary>Ownerships of keys that were granted.</summary>
    public long Grants { get; set; }

    /// <summary>Ownerships that overlapped while there may have been two primaries: expected there, and fenced.</summary>
    public long OverlapsInLossWindows { get; set; }

    /// <summary>The longest time from the first to the last line.</summary>
    public TimeSpan Duration { get; set; }

    /// <summary>How much readings of time were allowed to differ: an event that was early by less was not noticed.</summary>
    public TimeSpan Tolerance { get; set; }

    /// <summary>The seed of the run; null if the history does not tell.</summary>
    public long? Seed { get; set; }

    /// <summary>The store's kind.</summary>
    public string? Store { get; set; }

    /// <summary>How many promises were broken.</summary>
    public long ViolationCount => _rules.Values.Sum();

    internal void CountOperation(string verb, string outcome, long count) => Add(_operations, $"{verb} {outcome}", count);

    internal void CountRedelivery(string why) => Add(_redeliveries, why, 1);

    internal void CountFate(string fate, long count) => Add(_fates, fate, count);

    internal void CountFault(string kind) => Add(_faults, kind, 1);

    internal void AddLost(LostAnswer lost, int max)
    {
        Add(_lost, lost.Verb.ToString(), 1);
        if (_lostAnswers.Count < max) _lostAnswers.Add(lost);
    }

    internal void Add(Violation violation, int max)
    {
        Add(_rules, violation.Rule, 1);
        if (_violations.Count < max) _violations.Add(violation);
    }

    /// <summary>Adds what another part of the same history gave.</summary>
    internal void Add(CheckReport other, int max)
    {
        foreach ((string key, long count) in other._operations) Add(_operations, key, count);
        foreach ((string key, long count) in other._redeliveries) Add(_redeliveries, key, count);
        foreach ((string key, long count) in other._fates) Add(_fates, key, count);
        foreach ((string key, long count) in other._faults) Add(_faults, key, count);
        foreach ((string key, long count) in other._lost) Add(_lost, key, count);
        foreach ((string key, long count) in other._rules) Add(_rules, key, count);
        _violations.AddRange(other._violations.Take(max - _violations.Count));
        _lostAnswers.AddRange(other._lostAnswers.Take(max - _lostAnswers.Count));
        Ids += other.Ids;
        Undecided += other.Undecided;
        Unlisted += other.Unlisted;
        Deliveries += other.Deliveries;
        Handlers += other.Handlers;
        Grants += other.Grants;
        OverlapsInLossWindows += other.OverlapsInLossWindows;
        if (other.MaxLateness > MaxLateness) MaxLateness = other.MaxLateness;
    }

    /// <summary>The report for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Line(text, "history", $"{Entries:N0} entries, {Ids:N0} ids, {Duration.TotalSeconds:F0} s, times to {Tolerance.TotalMilliseconds:F1} ms{(Store is null ? "" : ", " + Store)}{(Seed is null ? "" : $", seed {Seed}")}");
        Line(text, "operations", Join(_operations));
        Line(text, "faults", Join(_faults));
        Line(text, "fates", Join(_fates));
        Line(text, "deliveries", $"{Deliveries:N0}, handlers {Handlers:N0}, latest {MaxLateness.TotalMilliseconds:N0} ms");
        Line(text, "redeliveries", Join(_redeliveries));
        Line(text, "grants", $"{Grants:N0}, overlapping in loss windows {OverlapsInLossWindows:N0}");
        Line(text, "lost", Join(_lost));
        Line(text, "undecided", Undecided.ToString("N0", CultureInfo.InvariantCulture));
        if (Unlisted > 0) Line(text, "unlisted", $"{Unlisted:N0}: what is left of them was not read at the end");
        Line(text, "violations", _rules.Count == 0 ? "0" : Join(_rules));
        foreach (Violation violation in _violations)
        {
            text.AppendLine().Append(violation.Rule).Append(": ").AppendLine(violation.Sentence);
            foreach (string line in violation.Excerpt) text.Append("    ").AppendLine(line);
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, string name, string value) => text.Append(name.PadRight(14)).AppendLine(value);

    private static string Join(SortedDictionary<string, long> counts) =>
        counts.Count == 0 ? "0" : string.Join(", ", counts.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value:N0}")));

    private static void Add(SortedDictionary<string, long> counts, string key, long count)
    {
        if (count == 0) return;
        counts[key] = counts.GetValueOrDefault(key) + count;
    }
}
