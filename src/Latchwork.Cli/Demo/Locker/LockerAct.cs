using System.Text;
using Latchwork.Cli.Demo.Cast;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>The second act: a process locker, on a namespace of its own, which leaves nothing behind in it.</summary>
internal sealed class LockerAct : IDemoAct<LockerActResult>, IAsyncDisposable
{
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(50);

    private readonly DemoStage _stage;
    private readonly ProcessLocker _observer;
    private readonly LockerBooks _books = new();
    private readonly Dictionary<NodeRecord, IDemoActor> _actors;

    /// <summary>Creates the act.</summary>
    /// <param name="stage">Where it plays; disposed with the act.</param>
    public LockerAct(DemoStage stage)
    {
        _stage = stage;
        string ns = $"latchwork-demo-{Guid.NewGuid():N}";
        Story = new DemoStory(TimeProvider.System);
        _observer = new ProcessLocker(stage.Store, LockerPlan.Options(ns, "observer"));
        _actors = _books.Nodes.ToDictionary(
            node => node, node => stage.Cast(new Casting(Part.Locker, node.Name, ns), report => _books.Hear(node, report)));
    }

    public string Title =>
        $"process locker: {LockerPlan.CallsOfKey} callers {(_stage.HasProcesses ? "in four processes" : "on four nodes")}, four keys, a failure, and a kill";

    public DemoStory Story { get; }

    private IEnumerable<NodeRecord> Living => _books.Nodes.Where(n => n.KilledAt is null);

    public DemoPicture Picture() => _books.Read(() => new DemoPicture(
        ["waiting", "answered", "runs"],
        [.. _books.Nodes.Select(n => Draw(n, n.KilledAt is not null))],
        _books.Nodes.Sum(n => n.Answered),
        _books.Nodes.Sum(n => n.Asked),
        "calls answered"));

    public async Task<LockerActResult> PlayAsync()
    {
        try
        {
            return await _stage.PlayAsync(PlayThroughAsync).ConfigureAwait(false);
        }
        finally
        {
            await CleanUpAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _observer.DisposeAsync().ConfigureAwait(false);
        await _stage.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<LockerActResult> PlayThroughAsync()
    {
        await Task.WhenAll(_actors.Values.Select(actor => actor.StartAsync(_stage.Stop))).ConfigureAwait(false);
        await AskAsync(_books.Keys, round: 1).ConfigureAwait(false);
        TimeSpan allAsked = Story.Elapsed;
        string nodes = $"{string.Join(", ", LockerPlan.Nodes)}{(_stage.HasProcesses ? ", each a process" : "")}";
        Story.Say($"{nodes}: {LockerPlan.Callers} callers on each ask for {_books.Keys.Count} reports: {Printable.Count(LockerPlan.Calls)} calls wait");

        KeyRecord taken = _books.Of(KeyFate.OwnerDies);
        await Task.WhenAll(_books.Keys.Where(key => key != taken).Select(FinishAsync)).ConfigureAwait(false);
        TimeSpan left = allAsked + LockerPlan.KillAfter - Story.Elapsed;
        if (left > TimeSpan.Zero) await Task.Delay(left, Story.Time, _stage.Stop).ConfigureAwait(false);
        (NodeRecord victim, KeyRun dying) = await KillAsync(taken).ConfigureAwait(false);
        await FollowAsync(taken, victim, dying).ConfigureAwait(false);
        PublishOutcome late = await PublishLateAsync(dying).ConfigureAwait(false);
        LaterCalls later = await AskLaterAsync().ConfigureAwait(false);
        await _stage.ClearAsync().ConfigureAwait(false);
        return new LockerAudit(_books, Story, victim, dying, late, later).Check();
    }

    // Every node begins with another key, so that each has a chance to be an owner.
    private async Task AskAsync(IReadOnlyList<KeyRecord> keys, int round)
    {
        int node = 0;
        foreach (NodeRecord asked in Living.ToArray())
        {
            int first = node++ % keys.Count;
            _books.Ask(asked, LockerPlan.Callers * keys.Count);
            _actors[asked].Tell(new Ask([.. keys.Skip(first).Concat(keys.Take(first)).Select(k => k.Key)], round));
        }

        await _books.UntilAsync(() => Living.All(n => n.Round == round), _stage.Stop).ConfigureAwait(false);
    }

    // Everybody is to wait for the run, so it does not end before everybody has called.
    private async Task FinishAsync(KeyRecord key)
    {
        foreach (NodeRecord node in Living) _actors[node].Tell(new Finish(key.Key));
        await _books.UntilAsync(() => _books.Unanswered(key, 1) == 0, _stage.Stop).ConfigureAwait(false);
        Story.Say(_books.Read(() => Describe(key)));
    }

    private async Task<(NodeRecord Victim, KeyRun Run)> KillAsync(KeyRecord key)
    {
        for (long begun = Story.Time.GetTimestamp(); Story.Time.GetElapsedTime(begun) < LockerPlan.Patience;)
        {
            long now = Story.Time.GetTimestamp();
            KeySnapshot? snapshot = await _observer.ShowAsync(key.Key, _stage.Stop).ConfigureAwait(false);
            if (snapshot is { IsLocked: true, LeaseLeft: { } leaseLeft } && _books.Read(() => key.Runs.Find(r => r.Token == snapshot.Generation)) is { } run)
            {
                _books.Saw(run, now);
                NodeRecord victim = _books.Nodes.First(n => n.Name == run.Node);
                long killedAt = Story.Time.GetTimestamp();
                await _actors[victim].KillAsync().ConfigureAwait(false);
                _books.Die(victim, killedAt);
                string how = _stage.HasProcesses ? " (SIGKILL)" : "";
                Story.Say($"killed {victim.Name}{how} in the middle of {key.Key}; its lease lasts {Printable.Duration(leaseLeft)} more");
                return (victim, run);
            }

            await Task.Delay(_poll, Story.Time, _stage.Stop).ConfigureAwait(false);
        }

        string why = _books.Read(() => key.Answers.Find(a => a.Call.Problem is not null)?.Call.Problem) ?? "nobody was told why";
        throw new CliException(ExitCodes.Failure, $"no node could begin with {key.Key}: {why}");
    }

    private async Task FollowAsync(KeyRecord key, NodeRecord victim, KeyRun dying)
    {
        foreach (NodeRecord node in Living) _actors[node].Tell(new Finish(key.Key));
        await _books.UntilAsync(() => key.Runs[^1].Token > dying.Token || _books.Unanswered(key, 1) == 0, _stage.Stop).ConfigureAwait(false);
        if (_books.Read(() => key.Runs.Find(r => r.Token > dying.Token)) is { } heir)
        {
            Story.Say($"{heir.Node} has taken {key.Key} over, {Printable.Duration(Story.Time.GetElapsedTime(victim.KilledAt!.Value, heir.Begun.At))} after the kill");
        }

        await _books.UntilAsync(() => _books.Unanswered(key, 1) == 0, _stage.Stop).ConfigureAwait(false);
        int answered = _books.Read(() => key.Round(1).Count(a => a.Call.Problem is null && a.Node != victim.Name));
        Story.Say($"{key.Key} is done: the {answered} callers on the living nodes have the result");
    }

    // As if the dead node came back and handed in its work under the token that it once had.
    private async Task<PublishOutcome> PublishLateAsync(KeyRun run)
    {
        byte[] result = Encoding.UTF8.GetBytes(run.Value);
        PublishOutcome outcome = await _observer.PublishAsync(run.Begun.Key, run.Token, result, cancellationToken: _stage.Stop).ConfigureAwait(false);
        Story.Say($"a result of {run.Node} comes in late, under its old token: {(outcome == PublishOutcome.Superseded ? "refused" : "accepted!")}");
        return outcome;
    }

    private async Task<LaterCalls> AskLaterAsync()
    {
        KeyRecord[] keys = [.. _books.Keys.Where(k => k.Fate != KeyFate.Fails)];
        int runs = _books.Read(() => keys.Sum(k => k.Runs.Count));
        long from = Story.Time.GetTimestamp();
        await AskAsync(keys, round: 2).ConfigureAwait(false);
        await _books.UntilAsync(() => keys.All(key => _books.Unanswered(key, 2) == 0), _stage.Stop).ConfigureAwait(false);
        LaterCalls later = _books.Read(() => new LaterCalls(
            Living.Count() * LockerPlan.Callers * keys.Length,
            keys.Sum(k => k.Round(2).Count()),
            keys.Sum(k => k.Runs.Count) - runs,
            from,
            Story.Time.GetElapsedTime(from)));
        Story.Say($"{later.Asked} calls more for what is done: answered in {Printable.Duration(later.Took)}, {(later.Runs == 0 ? "nothing ran" : $"{later.Runs} ran!")}");
        return later;
    }

    // Also after a failure or Ctrl-C: whatever the demo put into the store goes.
    private async Task CleanUpAsync()
    {
        await _stage.ClearAsync().ConfigureAwait(false);
        foreach (KeyRecord key in _books.Keys) await _observer.ForgetAsync(key.Key, CancellationToken.None).ConfigureAwait(false);
    }

    private static DemoNode Draw(NodeRecord node, bool isKilled) =>
        new(node.Name, isKilled ? "killed" : "alive", isKilled, [isKilled ? null : node.Asked - node.Answered, node.Answered, node.Runs]);

    private static string Describe(KeyRecord key)
    {
        bool fails = key.Fate == KeyFate.Fails;
        string times = key.Runs.Count == 1 ? "once" : $"{key.Runs.Count} times";
        string who = string.Join(", ", key.Runs.Select(run => run.Node));
        return $"{key.Key} {(fails ? "failed" : "ran")} {times}, on {who}: {key.Round(1).Count()} callers {(fails ? "were told" : "have the result")}";
    }
}
