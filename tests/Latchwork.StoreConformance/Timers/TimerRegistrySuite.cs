using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Namespaces, the list of nodes, and the counts.</summary>
public abstract class TimerRegistrySuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task Namespaces_are_listed_in_ordinal_order_once_each()
    {
        string prefix = Partition.Namespace;
        foreach (string suffix in (string[])["}x", "b", "B", "{}", "\u00e9", "b"]) (await Timers.OpenAsync(prefix + suffix, CancellationToken.None)).ShouldBeGreaterThanOrEqualTo(1);

        IReadOnlyList<string> all = await Timers.NamespacesAsync(CancellationToken.None);
        all.Where(ns => ns.StartsWith(prefix, StringComparison.Ordinal))
            .ShouldBe([prefix, prefix + "B", prefix + "b", prefix + "{}", prefix + "}x", prefix + "\u00e9"]);
        all.ShouldBe(all.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Who_only_looks_for_a_namespace_does_not_make_it()
    {
        string ns = Partition.Namespace + "-typo";
        (await Timers.FindAsync(ns, CancellationToken.None)).ShouldBeNull();
        (await Timers.NamespacesAsync(CancellationToken.None)).ShouldNotContain(ns);

        int partitions = await Timers.OpenAsync(ns, CancellationToken.None);
        (await Timers.FindAsync(ns, CancellationToken.None)).ShouldBe(partitions);
    }

    [Fact]
    public async Task No_call_that_looks_at_events_or_changes_them_makes_a_namespace()
    {
        string ns = Partition.Namespace + "-typo";
        await using var timer = new DistributedTimer(Store, new() { Namespace = ns, TimeProvider = Clock });
        (await timer.PeekAsync("x")).ShouldBeNull();
        (await timer.CancelAsync("x")).ShouldBe(TimerOutcome.NotFound);
        (await timer.ChangeDelayAsync("x", TimeSpan.Zero)).ShouldBe(TimerOutcome.NotFound);
        (await timer.ConfirmAsync("x", "token")).ShouldBe(TimerOutcome.NotFound);
        await foreach (TimerSnapshot _ in timer.UpcomingAsync()) throw new InvalidOperationException("There is nothing.");
        await foreach (TimerSnapshot _ in timer.DeadLetters.ListAsync()) throw new InvalidOperationException("There is nothing.");
        (await timer.DeadLetters.RequeueAsync("x")).ShouldBe(TimerOutcome.NotFound);
        (await timer.DeadLetters.PurgeAllAsync()).ShouldBe(0);
        (await timer.GetStatsAsync()).WithoutCounters().ShouldBe(new TimerStats(0, 0, 0, 0, null));
        (await timer.GetNodesAsync()).ShouldBeEmpty();
        (await Timers.NamespacesAsync(CancellationToken.None)).ShouldNotContain(ns);

        await timer.PostAsync((byte[])[1], TimeSpan.FromHours(1), new() { Id = "x" });
        (await timer.PeekAsync("x")).ShouldNotBeNull();
        (await Timers.NamespacesAsync(CancellationToken.None)).ShouldContain(ns);
    }

    [Fact]
    public async Task Namespaces_share_no_events()
    {
        var other = new TimerPartition(Partition.Namespace + "}x", 0);
        await Timers.OpenAsync(other.Namespace, CancellationToken.None);
        await PostAsync("a", 0, payload: "here");
        await Timers.PostAsync(other, [Entry("a", 0, payload: "there")], CancellationToken.None);

        (await CancelAsync("a")).ShouldBe(TimerOutcome.Done);
        TimerSnapshot there = (await Timers.PeekAsync(other, "a", CancellationToken.None)).ShouldNotBeNull();
        there.Payload.ToArray().ShouldBe(Bytes("there"));
        (await AskAsync()).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task Nodes_are_listed_with_what_they_do()
    {
        await AskAsync("full", max: 0, capacity: 0, held: 12);
        Clock.Advance(Ms(300));
        await AskAsync("busy", held: 3);
        Clock.Advance(Ms(200));

        IReadOnlyList<TimerNode> nodes = await Timers.GetNodesAsync(Partition, CancellationToken.None);
        nodes.Select(n => (n.NodeId, n.State, n.InFlight)).ShouldBe([("busy", TimerNodeState.Listening, 3), ("full", TimerNodeState.Full, 12)]);
        nodes[0].LastSeen.ShouldBe(Ms(200), Ms(1));
        nodes[1].LastSeen.ShouldBe(Ms(500), Ms(1));

        await AskAsync("full");
        (await NodeAsync("full")).ShouldNotBeNull().State.ShouldBe(TimerNodeState.Listening);
    }

    [Fact]
    public async Task A_node_that_misses_its_turn_is_silent_and_one_that_comes_back_is_not()
    {
        await AskAsync("n1");
        Clock.Advance(Seconds(3.5));
        (await NodeAsync("n1"))!.State.ShouldBe(TimerNodeState.Listening);
        Clock.Advance(Seconds(1));
        (await NodeAsync("n1"))!.State.ShouldBe(TimerNodeState.Silent);
        await AskAsync("n2");
        (await NodeAsync("n1"))!.State.ShouldBe(TimerNodeState.Silent);
        await AskAsync("n1");
        (await NodeAsync("n1"))!.State.ShouldBe(TimerNodeState.Listening);
    }

    [Fact]
    public async Task A_silent_node_is_forgotten_after_an_hour()
    {
        await AskAsync("n1");
        Clock.Advance(TimeSpan.FromMinutes(59));
        await AskAsync("n2");
        (await NodeAsync("n1")).ShouldNotBeNull();
        Clock.Advance(TimeSpan.FromMinutes(2));
        await AskAsync("n2");
        (await NodeAsync("n1")).ShouldBeNull();
    }

    [Fact]
    public async Task A_node_that_leaves_is_off_the_list()
    {
        await AskAsync("n1");
        await AskAsync("n2");
        await Timers.LeaveAsync(Partition, "n1", CancellationToken.None);
        await Timers.LeaveAsync(Partition, "never came", CancellationToken.None);
        (await Timers.GetNodesAsync(Partition, CancellationToken.None)).Select(n => n.NodeId).ShouldBe(["n2"]);
    }

    [Fact]
    public async Task Counts_follow_every_change()
    {
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
        await PostAsync(Entry("a", 0), Entry("b", 20), Entry("c", 60_000));
        Clock.Advance(Ms(80)); // not yet a backlog, which would be claimed from both ends
        TimerStats stats = await GetStatsAsync();
        stats.ShouldBe(new TimerStats(3, 0, 0, 0, Ms(80)));

        await TakeAsync("a");
        (await GetStatsAsync()).ShouldBe(new TimerStats(2, 1, 0, 0, Ms(60)));
        await TakeAsync("b");
        (await GetStatsAsync()).ShouldBe(new TimerStats(1, 2, 0, 0, null));
        Clock.Advance(Lease);
        await AskAsync("n2");
        (await GetStatsAsync()).ShouldBe(new TimerStats(1, 0, 2, 0, null));
    }

    private async Task<TimerNode?> NodeAsync(string id) =>
        (await Timers.GetNodesAsync(Partition, CancellationToken.None)).SingleOrDefault(node => node.NodeId == id);
}
