using System.Globalization;
using System.Text;

namespace Latchwork.Cli.Demo;

/// <summary>Timers: events are posted and some cancelled; a node is killed with events in hand, and they go to the others.</summary>
internal sealed class TimerScenario(DemoEnvironment environment) : IAsyncDisposable
{
    private readonly Ledger _ledger = environment.Ledger;
    private readonly DistributedTimer _poster = new(environment.Store, new TimerOptions { Namespace = environment.Namespace, NodeId = "poster" });

    public async Task<TimerSummary> RunAsync()
    {
        environment.Log.Line("Timers: at-least-once delivery, with at most one live lease per event");
        await Task.WhenAll(environment.Nodes.Select(node => node.StartAsync(environment.Stop))).ConfigureAwait(false);
        environment.Log.Say($"{string.Join(", ", DemoPlan.Nodes[..^1])} and {DemoPlan.Nodes[^1]} listen, each a process of its own");
        int posted = await PostAsync().ConfigureAwait(false);
        await Task.WhenAll(_ledger.Events.Where(e => e.Kind == EventKind.Cancelled).Select(CancelAsync)).ConfigureAwait(false);
        environment.Log.Say($"posted {Printable.Count(posted)} events, due in 1 to 4 s; cancelled {_ledger.Events.Count(e => e.CancelledAt is not null)} of them");
        string victim = await KillAsync().ConfigureAwait(false);
        await DrainAsync(victim).ConfigureAwait(false);
        return await CheckAsync(posted, victim).ConfigureAwait(false);
    }

    /// <summary>Removes what is left in the store. The nodes have left.</summary>
    public Task CleanUpAsync() => Task.WhenAll(
        _ledger.Events.Where(e => e.Confirmed == 0 && e.CancelledAt is null).Select(e => _poster.CancelAsync(e.Id, revoke: true, CancellationToken.None)));

    public ValueTask DisposeAsync() => _poster.DisposeAsync();

    private async Task<int> PostAsync()
    {
        _ledger.Write(() => _ledger.PostedAt = TimeProvider.System.GetTimestamp());
        TimerPost[] posts = [.. _ledger.Events.Select(e => new TimerPost(Encoding.UTF8.GetBytes(e.Payload), e.Delay, new PostOptions { Id = e.Id, MaxRetries = 3 }))];
        IReadOnlyList<PostResult> results = await _poster.PostAsync(posts, environment.Stop).ConfigureAwait(false);
        return results.Count(r => r.Outcome == PostOutcome.Created);
    }

    private async Task CancelAsync(EventRecord e)
    {
        if (await _poster.CancelAsync(e.Id, cancellationToken: environment.Stop).ConfigureAwait(false) != TimerOutcome.Done) return;
        _ledger.Write(() => e.CancelledAt = TimeProvider.System.GetTimestamp());
    }

    // Handlers of burst events wait for the kill, so whoever is killed certainly holds those that it has begun.
    private async Task<string> KillAsync()
    {
        const int Enough = 10;
        if (!await environment.WaitAsync(() => BurstOf().Any(node => node.Count() >= Enough)).ConfigureAwait(false))
        {
            throw new CliException(ExitCodes.Failure, $"no node began {Enough} events that were due at the same moment");
        }

        string victim = _ledger.Read(() => BurstOf().MaxBy(node => node.Count())!.Key);
        string how = await environment.KillAsync(victim).ConfigureAwait(false);
        environment.TellAll(NodeOrder.EndBurst);
        int held = _ledger.Read(() => Verdict.Orphans(_ledger, victim).Count);
        environment.Log.Say($"{how}, which held {held} events under leases of {DemoPlan.EventLease.TotalSeconds:0} s");
        return victim;

        IEnumerable<IGrouping<string, Attempt>> BurstOf() => _ledger.Running.Where(pair => pair.Event.Kind == EventKind.Burst).Select(pair => pair.Attempt).GroupBy(a => a.Node);
    }

    private async Task DrainAsync(string victim)
    {
        if (await environment.WaitAsync(() => Verdict.Orphans(_ledger, victim).All(o => o.Heir is not null)).ConfigureAwait(false))
        {
            (double First, double Last) after = _ledger.Read(() => Verdict.Redelivery(_ledger, victim))!.Value;
            environment.Log.Say(string.Create(CultureInfo.InvariantCulture, $"the others got all of them, {after.First / 1_000:0.00} to {after.Last / 1_000:0.00} s after the kill"));
        }

        TimerStats stats;
        long start = TimeProvider.System.GetTimestamp();
        do
        {
            await Task.Delay(50, environment.Stop).ConfigureAwait(false);
            stats = await _poster.GetStatsAsync(environment.Stop).ConfigureAwait(false);
        }
        while (stats.Scheduled + stats.InFlight > 0 && TimeProvider.System.GetElapsedTime(start) < DemoPlan.Timeout);
        await environment.WaitAsync(() => _ledger.Running.All(pair => pair.Attempt.Node == victim)).ConfigureAwait(false);
    }

    private async Task<TimerSummary> CheckAsync(int posted, string victim)
    {
        TimerSnapshot?[] stored = await Task.WhenAll(_ledger.Events.Select(e => _poster.PeekAsync(e.Id, environment.Stop))).ConfigureAwait(false);
        TimerSummary result = _ledger.Read(() => Verdict.OfTimers(_ledger, posted, victim, [.. stored.OfType<TimerSnapshot>()]));
        string rest = result.Left == 0 ? "" : $", {result.Left} still due";
        environment.Log.Say($"{result.Confirmed} confirmed, {result.Cancelled} cancelled, {result.DeadLetters} dead letters{rest}, {result.Lost} lost");
        environment.Log.Say(string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Deliveries:N0} deliveries, late by p50 {result.LatenessP50Ms:0.0} ms, p99 {result.LatenessP99Ms:0.0} ms, max {result.LatenessMaxMs:0.0} ms"));
        return result;
    }
}
