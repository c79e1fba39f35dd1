using Latchwork.Cli.Demo.Cast;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>The first act: timers, on a namespace of their own, which leaves nothing behind in it.</summary>
internal sealed class TimersAct : IDemoAct<TimersResult>, IAsyncDisposable
{
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(100);

    private readonly DemoStage _stage;
    private readonly DistributedTimer _poster;
    private readonly Random _random = new(41);
    private readonly TimersBooks _books = new(TimersPlan.CreateEvents(), TimersPlan.Listeners);
    private readonly Dictionary<ListenerRecord, IDemoActor> _actors;
    private TimeSpan _postedAt;

    /// <summary>Creates the act.</summary>
    /// <param name="stage">Where it plays; disposed with the act.</param>
    public TimersAct(DemoStage stage)
    {
        _stage = stage;
        string ns = $"latchwork-demo-{Guid.NewGuid():N}";
        Story = new DemoStory(TimeProvider.System);
        _poster = new DistributedTimer(stage.Store, new TimerOptions { Namespace = ns, NodeId = "poster" });
        _actors = _books.Listeners.ToDictionary(
            listener => listener,
            listener => stage.Cast(new Casting(Part.Listener, listener.Name, ns), report => _books.Hear(listener, report)));
    }

    public string Title => $"timers: three {(_stage.HasProcesses ? "processes listen" : "listeners")}, 3,000 events, failures, and a kill";

    public DemoStory Story { get; }

    public DemoPicture Picture() => _books.Read(() => new DemoPicture(
        ["in hand", "handled", "failed"],
        [.. _books.Listeners.Select(l => Draw(l, l.KilledAt is not null))],
        _books.Settled,
        _books.Events.Count,
        "settled"));

    public async Task<TimersResult> PlayAsync()
    {
        try
        {
            return await _stage.PlayAsync(async () =>
            {
                await Task.WhenAll(_actors.Values.Select(actor => actor.StartAsync(_stage.Stop))).ConfigureAwait(false);
                Story.Say($"{string.Join(", ", TimersPlan.Listeners)} listen{(_stage.HasProcesses ? ", each a process" : "")}");
                await PostAsync().ConfigureAwait(false);
                await UntilAsync(TimersPlan.ChangeAt).ConfigureAwait(false);
                await ChangeAsync().ConfigureAwait(false);
                ListenerRecord victim = await KillAsync().ConfigureAwait(false);
                bool inTime = await DrainAsync(victim).ConfigureAwait(false);
                await _stage.ClearAsync().ConfigureAwait(false);
                return await AuditAsync(victim, inTime).ConfigureAwait(false);
            }).ConfigureAwait(false);
        }
        finally
        {
            await CleanUpAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _poster.DisposeAsync().ConfigureAwait(false);
        await _stage.DisposeAsync().ConfigureAwait(false);
    }

    private async Task PostAsync()
    {
        _postedAt = Story.Elapsed;
        TimerPost[] posts = [.. _books.Events.Select(e => new TimerPost(e.Payload, e.Delay, new PostOptions { Id = e.Id, MaxRetries = e.MaxRetries }))];
        foreach (DemoEvent e in _books.Events) DelayFromNow(e, e.Delay);
        IReadOnlyList<PostResult> results = await _poster.PostAsync(posts, _stage.Stop).ConfigureAwait(false);
        _books.Posted = results.Count(r => r.Outcome == PostOutcome.Created);
        Story.Say($"posted {Printable.Count(_books.Posted)} events, due in 1 to 8 s, in {Printable.Duration(Story.Elapsed - _postedAt)}");
    }

    private async Task ChangeAsync()
    {
        int cancelled = 0;
        int rescheduled = 0;
        await Task.WhenAll(_books.Events.Select(e => e.Kind switch
        {
            DemoKind.Cancelled => CancelAsync(e),
            DemoKind.Rescheduled => RescheduleAsync(e),
            _ => Task.CompletedTask,
        })).ConfigureAwait(false);
        Story.Say($"cancelled {cancelled}, gave {rescheduled} another due time");

        async Task CancelAsync(DemoEvent e)
        {
            if (await _poster.CancelAsync(e.Id, cancellationToken: _stage.Stop).ConfigureAwait(false) != TimerOutcome.Done) return;
            _books.Cancel(e, Story.Time.GetTimestamp());
            Interlocked.Increment(ref cancelled);
        }

        async Task RescheduleAsync(DemoEvent e)
        {
            (long from, TimeSpan delay) = (e.DelayFrom, e.MinDelay);
            TimeSpan newDelay;
            lock (_random) newDelay = TimersPlan.NewDelay(_random);
            DelayFromNow(e, newDelay);
            e.WasRescheduled = await _poster.ChangeDelayAsync(e.Id, newDelay, _stage.Stop).ConfigureAwait(false) == TimerOutcome.Done;
            if (e.WasRescheduled) Interlocked.Increment(ref rescheduled);
            else (e.DelayFrom, e.MinDelay) = (from, delay);
        }
    }

    // The handlers of the burst wait for this, so whoever took the most of it certainly holds it when it is killed.
    private async Task<ListenerRecord> KillAsync()
    {
        await _books.UntilAsync(() => _books.Listeners.Any(l => l.BurstInHand >= TimersPlan.Enough), _stage.Stop).ConfigureAwait(false);
        await Task.Delay(TimersPlan.BeforeKill, Story.Time, _stage.Stop).ConfigureAwait(false);
        ListenerRecord victim = _books.Read(() => _books.Listeners.MaxBy(l => l.BurstInHand)!);
        long killedAt = Story.Time.GetTimestamp();
        await _actors[victim].KillAsync().ConfigureAwait(false);
        _books.Die(victim, killedAt);
        foreach (IDemoActor living in _actors.Values.Where(a => !a.IsKilled)) living.Tell(new GoOn());
        string how = _stage.HasProcesses ? " (SIGKILL)" : "";
        Story.Say($"killed {victim.Name}{how}, which held {victim.Orphans.Count} events; their leases last up to {Printable.Duration(TimersPlan.Lease)} more");
        return victim;
    }

    private async Task<bool> DrainAsync(ListenerRecord victim)
    {
        bool told = false;
        while (Story.Elapsed - _postedAt < TimersPlan.GiveUpAt)
        {
            TimerStats stats = await _poster.StatsAsync(_stage.Stop).ConfigureAwait(false);
            if (!told && _books.Read(() => victim.Orphans.All(id => _books.Find(id).Confirms > 0)))
            {
                told = true;
                Story.Say($"the others have handled the {victim.Orphans.Count} events of {victim.Name}");
            }

            if (stats is { Scheduled: 0, InFlight: 0 })
            {
                Story.Say("nothing is left to do");
                return true;
            }

            await Task.Delay(_poll, Story.Time, _stage.Stop).ConfigureAwait(false);
        }

        Story.Say("gave up waiting for the rest");
        return false;
    }

    private async Task<TimersResult> AuditAsync(ListenerRecord victim, bool inTime)
    {
        var dead = new List<TimerSnapshot>();
        await foreach (TimerSnapshot snapshot in _poster.DeadLetters.ListAsync(cancellationToken: _stage.Stop).ConfigureAwait(false)) dead.Add(snapshot);
        var left = new HashSet<string>(StringComparer.Ordinal);
        if (!inTime)
        {
            TimerSnapshot?[] snapshots = await Task.WhenAll(_books.Events.Select(e => _poster.PeekAsync(e.Id, _stage.Stop))).ConfigureAwait(false);
            left.UnionWith(snapshots.Where(s => s?.State is TimerState.Scheduled or TimerState.InFlight).Select(s => s!.Id));
        }

        return new TimersAudit(_books, Story, victim, dead, left).Check();
    }

    // Counted from the posts, as the delays are.
    private async Task UntilAsync(TimeSpan moment)
    {
        TimeSpan left = _postedAt + moment - Story.Elapsed;
        if (left > TimeSpan.Zero) await Task.Delay(left, Story.Time, _stage.Stop).ConfigureAwait(false);
    }

    private void DelayFromNow(DemoEvent e, TimeSpan delay)
    {
        e.DelayFrom = Story.Time.GetTimestamp();
        e.MinDelay = delay;
    }

    // Also after a failure or Ctrl-C: whatever the demo put into the store goes.
    private async Task CleanUpAsync()
    {
        await _stage.ClearAsync().ConfigureAwait(false);
        DemoEvent[] left = [.. _books.Events.Where(e => e.Confirms == 0 && e.CancelledAt is null)];
        await Task.WhenAll(left.Select(e => _poster.CancelAsync(e.Id, revoke: true, CancellationToken.None))).ConfigureAwait(false);
    }

    private static DemoNode Draw(ListenerRecord listener, bool isKilled) =>
        new(listener.Name, isKilled ? "killed" : "listening", isKilled, [isKilled ? null : listener.InHand, listener.Handled, listener.Failed]);
}
