using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>The first act: timers, on a namespace of their own, which leaves nothing behind in it.</summary>
internal sealed class TimersAct : IDemoAct<TimersResult>, IAsyncDisposable
{
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(100);

    private readonly IReadOnlyList<LatchworkStore> _stores;
    private readonly DistributedTimer _poster;
    private readonly CancellationToken _stop;
    private readonly DemoFuse _fuse = new();
    private readonly Random _random = new(41);
    private readonly DemoLedger _ledger;
    private readonly DemoListener[] _listeners;

    /// <summary>Creates the act.</summary>
    /// <param name="stores">The poster's store, then those of <see cref="TimersPlan.Listeners"/>; disposed with the act. It may be one and the same.</param>
    /// <param name="stop">Ends it early.</param>
    public TimersAct(IReadOnlyList<LatchworkStore> stores, CancellationToken stop)
    {
        _stores = stores;
        _stop = stop;
        string ns = $"latchwork-demo-{Guid.NewGuid():N}";
        Story = new DemoStory(TimeProvider.System);
        _ledger = new DemoLedger(TimersPlan.CreateEvents(), Story);
        _poster = new DistributedTimer(stores[0], new TimerOptions { Namespace = ns, NodeId = "poster" });
        _listeners = [.. TimersPlan.Listeners.Zip(stores.Skip(1), (name, own) => new DemoListener(name, own, ns, _ledger, Story, _fuse))];
    }

    public string Title => "timers: three listeners, 3,000 events, failures, and a kill";

    public DemoStory Story { get; }

    public DemoPicture Picture() => new(
        ["in hand", "handled", "failed"],
        [.. _listeners.Select(l => new DemoNode(l.Name, l.IsKilled ? "killed" : "listening", l.IsKilled, [l.IsKilled ? null : l.InHand, l.Handled, l.Failed]))],
        _ledger.Settled,
        _ledger.Events.Count,
        "settled");

    public async Task<TimersResult> PlayAsync()
    {
        try
        {
            foreach (DemoListener listener in _listeners) await listener.JoinAsync(_stop).ConfigureAwait(false);
            Story.Say($"{string.Join(", ", TimersPlan.Listeners)} listen");
            await PostAsync().ConfigureAwait(false);
            await UntilAsync(TimersPlan.ChangeAt).ConfigureAwait(false);
            await ChangeAsync().ConfigureAwait(false);
            DemoListener victim = await KillAsync().ConfigureAwait(false);
            bool inTime = await DrainAsync(victim).ConfigureAwait(false);
            return await AuditAsync(victim, inTime).ConfigureAwait(false);
        }
        finally
        {
            await CleanUpAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (DemoListener listener in _listeners) await listener.DisposeAsync().ConfigureAwait(false);
        await _poster.DisposeAsync().ConfigureAwait(false);
        foreach (LatchworkStore store in _stores.Distinct()) await store.DisposeAsync().ConfigureAwait(false);
    }

    private async Task PostAsync()
    {
        TimeSpan before = Story.Elapsed;
        TimerPost[] posts = [.. _ledger.Events.Select(e => new TimerPost(e.Payload, e.Delay, new PostOptions { Id = e.Id, MaxRetries = e.MaxRetries }))];
        foreach (DemoEvent e in _ledger.Events) _ledger.DelayFromNow(e, e.Delay);
        IReadOnlyList<PostResult> results = await _poster.PostAsync(posts, _stop).ConfigureAwait(false);
        _ledger.Posted = results.Count(r => r.Outcome == PostOutcome.Created);
        Story.Say($"posted {Printable.Count(_ledger.Posted)} events, due in 1 to 8 s, in {Printable.Duration(Story.Elapsed - before)}");
    }

    private async Task ChangeAsync()
    {
        int cancelled = 0;
        int rescheduled = 0;
        await Task.WhenAll(_ledger.Events.Select(e => e.Kind switch
        {
            DemoKind.Cancelled => CancelAsync(e),
            DemoKind.Rescheduled => RescheduleAsync(e),
            _ => Task.CompletedTask,
        })).ConfigureAwait(false);
        Story.Say($"cancelled {cancelled}, gave {rescheduled} another due time");

        async Task CancelAsync(DemoEvent e)
        {
            if (await _poster.CancelAsync(e.Id, cancellationToken: _stop).ConfigureAwait(false) != TimerOutcome.Done) return;
            _ledger.Cancel(e);
            Interlocked.Increment(ref cancelled);
        }

        async Task RescheduleAsync(DemoEvent e)
        {
            (long from, TimeSpan delay) = (e.DelayFrom, e.MinDelay);
            TimeSpan newDelay;
            lock (_random) newDelay = TimersPlan.NewDelay(_random);
            _ledger.DelayFromNow(e, newDelay);
            e.WasRescheduled = await _poster.ChangeDelayAsync(e.Id, newDelay, _stop).ConfigureAwait(false) == TimerOutcome.Done;
            if (e.WasRescheduled) Interlocked.Increment(ref rescheduled);
            else (e.DelayFrom, e.MinDelay) = (from, delay);
        }
    }

    private async Task<DemoListener> KillAsync()
    {
        await UntilAsync(TimersPlan.BurstAt - TimeSpan.FromMilliseconds(100)).ConfigureAwait(false);
        _fuse.Arm();
        while (!_fuse.Burnt.IsCompleted)
        {
            // The burst makes somebody hold enough within moments. If the machine is so slow that it does not, the busiest is taken.
            if (Story.Elapsed > TimersPlan.KillAtTheLatest && _fuse.Burns()) _listeners.MaxBy(l => l.InHand)!.Kill();
            await Task.WhenAny(_fuse.Burnt, Task.Delay(_poll, TimeProvider.System, _stop)).ConfigureAwait(false);
            _stop.ThrowIfCancellationRequested();
        }

        DemoListener victim = await _fuse.Burnt.ConfigureAwait(false);
        Story.Say($"killed {victim.Name}, which held {victim.Orphans!.Count} events; their leases last up to {Printable.Duration(TimersPlan.Lease)} more");
        return victim;
    }

    private async Task<bool> DrainAsync(DemoListener victim)
    {
        bool told = false;
        while (Story.Elapsed < TimersPlan.GiveUpAt)
        {
            TimerStats stats = await _poster.StatsAsync(_stop).ConfigureAwait(false);
            if (!told && victim.Orphans!.All(id => _ledger.Find(id).IsHandled))
            {
                told = true;
                Story.Say($"the others have handled the {victim.Orphans!.Count} events of {victim.Name}");
            }

            if (stats is { Scheduled: 0, InFlight: 0 })
            {
                Story.Say("nothing is left to do");
                return true;
            }

            await Task.Delay(_poll, TimeProvider.System, _stop).ConfigureAwait(false);
        }

        Story.Say("gave up waiting for the rest");
        return false;
    }

    private async Task<TimersResult> AuditAsync(DemoListener victim, bool inTime)
    {
        var dead = new List<TimerSnapshot>();
        await foreach (TimerSnapshot snapshot in _poster.DeadLetters.ListAsync(cancellationToken: _stop).ConfigureAwait(false)) dead.Add(snapshot);
        return TimersAudit.Check(_ledger, dead, victim, inTime);
    }

    private async Task UntilAsync(TimeSpan moment)
    {
        TimeSpan left = moment - Story.Elapsed;
        if (left > TimeSpan.Zero) await Task.Delay(left, TimeProvider.System, _stop).ConfigureAwait(false);
    }

    // Also after a failure or Ctrl-C: whatever the demo put into the store goes.
    private async Task CleanUpAsync()
    {
        foreach (DemoEvent e in _ledger.Events.Where(e => !e.IsHandled && e.CancelledAt is null))
        {
            await _poster.CancelAsync(e.Id, revoke: true, CancellationToken.None).ConfigureAwait(false);
        }
    }
}
