using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>The second act: a process locker, on a namespace of its own, which leaves nothing behind in it.</summary>
internal sealed class LockerAct : IDemoAct<LockerActResult>, IAsyncDisposable
{
    private readonly IReadOnlyList<LatchworkStore> _stores;
    private readonly ProcessLocker _observer;
    private readonly CancellationToken _stop;
    private readonly LockerBooks _books = new();
    private readonly LockerNode[] _nodes;

    /// <summary>Creates the act.</summary>
    /// <param name="stores">The observer's store, then those of <see cref="LockerPlan.Nodes"/>; disposed with the act. It may be one and the same.</param>
    /// <param name="stop">Ends it early.</param>
    public LockerAct(IReadOnlyList<LatchworkStore> stores, CancellationToken stop)
    {
        _stores = stores;
        _stop = stop;
        string ns = $"latchwork-demo-{Guid.NewGuid():N}";
        Story = new DemoStory(TimeProvider.System);
        _observer = new ProcessLocker(stores[0], LockerPlan.Options(ns, "observer"));
        _nodes = [.. LockerPlan.Nodes.Zip(stores.Skip(1), (name, own) => new LockerNode(name, own, ns, _books, Story, stop))];
    }

    public string Title => $"process locker: {LockerPlan.CallsOfKey} callers on four nodes, four keys, a failure, and a kill";

    public DemoStory Story { get; }

    public DemoPicture Picture() => new(
        ["waiting", "answered", "runs"],
        [.. _nodes.Select(n => new DemoNode(n.Name, n.IsKilled ? "killed" : "alive", n.IsKilled, [n.IsKilled ? null : n.Waiting, n.Answered, n.Runs]))],
        _books.Answered,
        _books.Asked,
        "calls answered");

    public async Task<LockerActResult> PlayAsync()
    {
        try
        {
            foreach (LockerNode node in _nodes) await node.OpenAsync(_stop).ConfigureAwait(false);
            Dictionary<KeyRecord, Task> calls = await AskAsync(_nodes, _books.Keys).ConfigureAwait(false);
            await _books.AllAsked.WaitAsync(_stop).ConfigureAwait(false);
            TimeSpan allAsked = Story.Elapsed;
            Story.Say($"{string.Join(", ", LockerPlan.Nodes)}: {LockerPlan.Callers} callers on each ask for {_books.Keys.Count} reports: {Printable.Count(LockerPlan.Calls)} calls wait");

            KeyRecord taken = _books.Of(KeyFate.OwnerDies);
            await Task.WhenAll(calls.Where(c => c.Key != taken).Select(c => TellAsync(c.Key, c.Value))).ConfigureAwait(false);
            LockerNode victim = await KillAsync(taken, calls[taken], allAsked + LockerPlan.KillAfter).ConfigureAwait(false);
            await FollowAsync(taken, victim, calls[taken]).ConfigureAwait(false);
            PublishOutcome late = await PublishLateAsync(taken.Runs[0]).ConfigureAwait(false);
            LaterCalls later = await AskLaterAsync().ConfigureAwait(false);
            return LockerAudit.Check(_books, victim, late, later);
        }
        finally
        {
            await CleanUpAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (LockerNode node in _nodes) await node.DisposeAsync().ConfigureAwait(false);
        await _observer.DisposeAsync().ConfigureAwait(false);
        foreach (LatchworkStore store in _stores.Distinct()) await store.DisposeAsync().ConfigureAwait(false);
    }

    // Every node begins with another key, so that each has a chance to be an owner.
    private static async Task<Dictionary<KeyRecord, Task>> AskAsync(IEnumerable<LockerNode> nodes, IReadOnlyList<KeyRecord> keys)
    {
        Dictionary<KeyRecord, Task>[] calls = await Task.WhenAll(nodes.Select((node, index) =>
        {
            int first = index % keys.Count;
            return Task.Run(() => node.Ask([.. keys.Skip(first), .. keys.Take(first)]));
        })).ConfigureAwait(false);
        return keys.ToDictionary(key => key, key => Task.WhenAll(calls.Select(c => c[key])));
    }

    private async Task TellAsync(KeyRecord key, Task calls)
    {
        await calls.ConfigureAwait(false);
        IReadOnlyList<KeyRun> runs = key.Runs;
        string what = key.Fate == KeyFate.Fails ? "failed" : "ran";
        string who = string.Join(", ", runs.Select(run => run.Node));
        Story.Say($"{key.Key} {what} {Times(runs.Count)}, on {who}: {key.Answers.Count} callers {(key.Fate == KeyFate.Fails ? "were told" : "have the result")}");
    }

    private async Task<LockerNode> KillAsync(KeyRecord key, Task calls, TimeSpan at)
    {
        await Task.WhenAny(key.First, calls).ConfigureAwait(false);
        if (!key.First.IsCompleted)
        {
            string why = key.Answers.FirstOrDefault(a => a.Problem is not null)?.Problem ?? "nobody was told why";
            throw new CliException(ExitCodes.Failure, $"no node could begin with {key.Key}: {why}");
        }

        KeyRun run = await key.First.ConfigureAwait(false);
        TimeSpan left = at - Story.Elapsed;
        if (left > TimeSpan.Zero) await Task.Delay(left, TimeProvider.System, _stop).ConfigureAwait(false);
        LockerNode victim = _nodes.First(n => n.Name == run.Node);
        TimeSpan leaseLeft = run.Lease.LeaseLeft;
        victim.Kill();
        Story.Say($"killed {victim.Name} in the middle of {key.Key}; its lease lasts {Printable.Duration(leaseLeft)} more");
        return victim;
    }

    private async Task FollowAsync(KeyRecord key, LockerNode victim, Task calls)
    {
        await Task.WhenAny(key.Second, calls).ConfigureAwait(false);
        if (key.Second.IsCompletedSuccessfully)
        {
            KeyRun run = await key.Second.ConfigureAwait(false);
            Story.Say($"{run.Node} has taken {key.Key} over, {Printable.Duration(run.At - victim.KilledAt)} after the kill");
        }

        await calls.ConfigureAwait(false);
        int answered = key.Answers.Count(a => a.Problem is null);
        Story.Say($"{key.Key} is done: the {answered} callers on the living nodes have the result");
    }

    // As if the dead node came back and handed in its work under the token that it once had.
    private async Task<PublishOutcome> PublishLateAsync(KeyRun run)
    {
        PublishOutcome outcome = await _observer.PublishAsync(run.Lease.Key, run.Lease.FencingToken, run.Bytes, cancellationToken: _stop).ConfigureAwait(false);
        Story.Say($"a result of {run.Node} comes in late, under its old token: {(outcome == PublishOutcome.Superseded ? "refused" : "accepted!")}");
        return outcome;
    }

    private async Task<LaterCalls> AskLaterAsync()
    {
        KeyRecord[] keys = [.. _books.Keys.Where(k => k.Fate != KeyFate.Fails)];
        foreach (KeyRecord key in keys) key.BeginLater();
        int runs = keys.Sum(k => k.Runs.Count);
        TimeSpan before = Story.Elapsed;
        LockerNode[] living = [.. _nodes.Where(n => !n.IsKilled)];
        Dictionary<KeyRecord, Task> calls = await AskAsync(living, keys).ConfigureAwait(false);
        await Task.WhenAll(calls.Values).ConfigureAwait(false);
        var later = new LaterCalls(
            living.Length * LockerPlan.Callers * keys.Length,
            keys.Sum(k => k.LaterAnswers.Count),
            keys.Sum(k => k.Runs.Count) - runs,
            Story.Elapsed - before);
        Story.Say($"{later.Asked} calls more for what is done: answered in {Printable.Duration(later.Took)}, {(later.Runs == 0 ? "nothing ran" : $"{later.Runs} ran!")}");
        return later;
    }

    // Also after a failure or Ctrl-C: whatever the demo put into the store goes.
    private async Task CleanUpAsync()
    {
        foreach (LockerNode node in _nodes) await node.DisposeAsync().ConfigureAwait(false);
        foreach (KeyRecord key in _books.Keys) await _observer.ForgetAsync(key.Key, CancellationToken.None).ConfigureAwait(false);
    }

    private static string Times(int count) => count == 1 ? "once" : $"{count} times";
}
