namespace Latchwork.Monitoring;

/// <summary>Which part of the overview is looked at.</summary>
/// <param name="Search">Only namespaces whose name contains this, whatever the case; null or empty: all.</param>
/// <param name="Page">The page, from 1.</param>
internal sealed record OverviewQuery(string? Search = null, int Page = 1);

/// <summary>A part of the overview of a store.</summary>
/// <param name="Store">The store itself.</param>
/// <param name="At">When it was made, by the clock of this process.</param>
/// <param name="Totals">The sums of all namespaces that were read.</param>
/// <param name="Counters">What has happened in all namespaces that were read.</param>
/// <param name="Rows">The namespaces of the page, most in trouble first.</param>
/// <param name="Matching">How many namespaces the search found in all.</param>
/// <param name="Page">The page that this is: the last one if there are fewer than were asked for.</param>
/// <param name="Pages">How many pages there are; at least 1.</param>
/// <param name="Lockers">The namespaces of lockers, as far as the store can list them, by name.</param>
internal sealed record OverviewPage(
    StoreState Store, DateTimeOffset At, OverviewTotals Totals, TimerCounters Counters, IReadOnlyList<NamespaceRow> Rows, int Matching, int Page, int Pages, IReadOnlyList<LockerRow> Lockers);

/// <summary>A namespace of lockers.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Stats">Its counts; null if they were not read: of those after the first <see cref="StoreMonitor.MaxLockers"/>, say.</param>
internal sealed record LockerRow(string Namespace, LockerStats? Stats);

/// <summary>Sums of all namespaces that were read.</summary>
/// <param name="Namespaces">How many namespaces there are.</param>
/// <param name="NotRead">How many of them were not read yet, so that the sums are without them.</param>
/// <param name="Critical">How many are critical.</param>
/// <param name="Warnings">How many need a decision.</param>
/// <param name="Scheduled">Events that wait for their time.</param>
/// <param name="InFlight">Events in flight.</param>
/// <param name="DeadLetters">Dead letters.</param>
/// <param name="OldestOverdue">The age of the oldest overdue event of all.</param>
/// <param name="Listeners">Nodes that listen, each counted once.</param>
internal sealed record OverviewTotals(
    int Namespaces, int NotRead, int Critical, int Warnings, long Scheduled, long InFlight, long DeadLetters, TimeSpan? OldestOverdue, int Listeners);

/// <summary>A node, and what it is to the namespaces that it listens on.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="Memberships">Each namespace, with the node as that namespace sees it.</param>
internal sealed record NodeRow(string NodeId, IReadOnlyList<(string Namespace, TimerNode Node)> Memberships)
{
    /// <summary>Listening if it listens anywhere, else full, else silent.</summary>
    public TimerNodeState State => Memberships.Min(static one => one.Node.State);

    public int InFlight => Memberships.Sum(static one => one.Node.InFlight);

    public TimeSpan LastSeen => Memberships.Min(static one => one.Node.LastSeen);
}

/// <summary>The nodes of all namespaces.</summary>
/// <param name="Store">The store itself.</param>
/// <param name="Nodes">The nodes: silent ones first, then by id; at most <see cref="StoreMonitor.MaxNodes"/>.</param>
/// <param name="Total">How many nodes there are in all.</param>
internal sealed record NodesPage(StoreState Store, IReadOnlyList<NodeRow> Nodes, int Total);

/// <summary>How many events fall due in a window of time.</summary>
/// <param name="Name">The window, in words.</param>
/// <param name="Count">How many; at most <see cref="StoreMonitor.MaxCounted"/>.</param>
/// <param name="IsMore">Whether there are more than were counted.</param>
internal sealed record DueWindow(string Name, long Count, bool IsMore);

/// <summary>A namespace in detail.</summary>
/// <param name="Store">The store itself.</param>
/// <param name="Row">The namespace; null if the store has none of this name.</param>
/// <param name="Windows">What comes due; empty while the store does not answer.</param>
internal sealed record NamespaceView(StoreState Store, NamespaceRow? Row, IReadOnlyList<DueWindow> Windows);
