using Latchwork.Storage.Rules;

namespace Latchwork.Monitoring;

/// <content>What is shown of what was read. Nothing here asks the store.</content>
internal sealed partial class StoreMonitor
{
    private OverviewPage Select(OverviewQuery query)
    {
        NamespaceRow[] all = [.. _namespaces.Values.Select(static one => one.Row)];
        NamespaceRow[] matching = string.IsNullOrEmpty(query.Search)
            ? all
            : [.. all.Where(row => row.Namespace.Contains(query.Search, StringComparison.OrdinalIgnoreCase))];
        Array.Sort(matching, NamespaceRow.ByTrouble);
        int pages = Math.Max(1, (matching.Length + PageSize - 1) / PageSize);
        int page = Math.Clamp(query.Page, 1, pages);
        return new OverviewPage(
            State, _time.GetUtcNow(), Sum(all), CountersOf(all), [.. matching.Skip((page - 1) * PageSize).Take(PageSize)], matching.Length, page, pages, _lockerRows);
    }

    private static OverviewTotals Sum(NamespaceRow[] rows)
    {
        long scheduled = 0, inFlight = 0, dead = 0;
        int notRead = 0;
        TimeSpan? overdue = null;
        foreach (NamespaceRow row in rows)
        {
            if (row.Stats is not { } stats)
            {
                if (row.Refusal is null) notRead++;
                continue;
            }

            scheduled += stats.Scheduled;
            inFlight += stats.InFlight;
            dead += stats.DeadLetters;
            if (stats.Pause is null && Nullable.Compare(stats.OldestOverdue, overdue) > 0) overdue = stats.OldestOverdue;
        }

        int listeners = rows.SelectMany(static row => row.Nodes).Where(static node => node.State != TimerNodeState.Silent)
            .Select(static node => node.NodeId).Distinct(StringComparer.Ordinal).Count();
        return new OverviewTotals(
            rows.Length,
            notRead,
            rows.Count(static row => row.Severity == Severity.Critical),
            rows.Count(static row => row.Severity == Severity.Warning),
            scheduled,
            inFlight,
            dead,
            overdue,
            listeners);
    }

    // A namespace that is not shown was read up to a round of slices ago, so right after the turn of a minute what it counted last is missing for that long.
    private static TimerCounters CountersOf(NamespaceRow[] rows) =>
        CounterSum.Of([.. rows.Select(static row => row.Stats?.Counters).OfType<TimerCounters>().Where(static counters => counters.Minutes.Count > 0)]);

    private NodesPage SelectNodes()
    {
        NodeRow[] nodes =
        [
            .. _namespaces.Values.Select(static one => one.Row).OrderBy(static row => row.Namespace, StringComparer.Ordinal)
                .SelectMany(static row => row.Nodes.Select(node => (row.Namespace, Node: node)))
                .GroupBy(static one => one.Node.NodeId, StringComparer.Ordinal)
                .Select(static group => new NodeRow(group.Key, [.. group]))
                .OrderByDescending(static node => node.State)
                .ThenBy(static node => node.NodeId, StringComparer.Ordinal),
        ];
        return new NodesPage(State, [.. nodes.Take(MaxNodes)], nodes.Length);
    }
}
