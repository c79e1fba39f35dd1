namespace Latchwork.Monitoring;

/// <summary>What was last read of a timer namespace.</summary>
internal sealed record NamespaceRow
{
    /// <summary>An event that is due for longer than this is shown as overdue: 10 s, the bound from which the health check says degraded.</summary>
    public static readonly TimeSpan OverdueAfter = TimeSpan.FromSeconds(10);

    public required string Namespace { get; init; }

    /// <summary>Its counts; null until they could be read.</summary>
    public TimerStats? Stats { get; init; }

    public IReadOnlyList<TimerNode> Nodes { get; init; } = [];

    /// <summary>How many of the dead letters were added in the last <see cref="StoreMonitor.GrowthMinutes"/> minutes that are over, and since.</summary>
    public long DeadLettersGrownBy { get; init; }

    /// <summary>What happened in the last minute that is over; zeros until it could be read.</summary>
    public MinuteRates Rates { get; init; }

    /// <summary>Why the store refuses operations on it; null if it does not.</summary>
    public string? Refusal { get; init; }

    /// <summary>When it was read, by the clock of this process; null if it was not yet.</summary>
    public DateTimeOffset? ReadAt { get; init; }

    public int Listeners => Nodes.Count(static node => node.State != TimerNodeState.Silent);

    public NamespaceProblems Problems
    {
        get
        {
            if (Refusal is not null) return NamespaceProblems.Refused;
            if (Stats is not { } stats) return NamespaceProblems.None;
            NamespaceProblems found = stats.DeadLetters > 0 ? NamespaceProblems.DeadLetters : NamespaceProblems.None;
            if (DeadLettersGrownBy > 0) found |= NamespaceProblems.DeadLettersGrowing;
            if (Nodes.Any(static node => node is { State: TimerNodeState.Silent, InFlight: > 0 })) found |= NamespaceProblems.SilentNode;
            if (stats.Pause is not null) return found | NamespaceProblems.Paused;
            if (stats.OldestOverdue > OverdueAfter) found |= NamespaceProblems.Overdue;
            if (Listeners == 0 && stats.Scheduled + stats.InFlight > 0) found |= NamespaceProblems.NoListener;
            return found;
        }
    }

    public Severity Severity => Problems switch
    {
        >= NamespaceProblems.DeadLettersGrowing => Severity.Critical,
        >= NamespaceProblems.DeadLetters => Severity.Warning,
        NamespaceProblems.Paused => Severity.Notice,
        _ => Severity.Fine,
    };

    /// <summary>The namespaces most in trouble first; those alike by name.</summary>
    public static int ByTrouble(NamespaceRow a, NamespaceRow b)
    {
        int order = b.Problems.CompareTo(a.Problems);
        if (order == 0) order = Nullable.Compare(Late(b), Late(a));
        if (order == 0) order = (b.Stats?.DeadLetters ?? 0).CompareTo(a.Stats?.DeadLetters ?? 0);
        return order != 0 ? order : string.CompareOrdinal(a.Namespace, b.Namespace);

        // A few milliseconds are no lateness: rows would change places all the time.
        static TimeSpan? Late(NamespaceRow row) => row.Stats?.OldestOverdue is { } late && late > OverdueAfter ? late : null;
    }

    /// <summary>The problems in a few words, the gravest first.</summary>
    public IEnumerable<string> Describe()
    {
        NamespaceProblems problems = Problems;
        if (problems.HasFlag(NamespaceProblems.Refused)) yield return "refused";
        if (problems.HasFlag(NamespaceProblems.Overdue)) yield return "overdue";
        if (problems.HasFlag(NamespaceProblems.DeadLettersGrowing)) yield return "dead letters growing";
        if (problems.HasFlag(NamespaceProblems.SilentNode)) yield return "silent node";
        if (problems.HasFlag(NamespaceProblems.NoListener)) yield return "no listener";
        if (problems.HasFlag(NamespaceProblems.DeadLetters) && !problems.HasFlag(NamespaceProblems.DeadLettersGrowing)) yield return "dead letters";
        if (problems.HasFlag(NamespaceProblems.Paused)) yield return "paused";
    }
}
