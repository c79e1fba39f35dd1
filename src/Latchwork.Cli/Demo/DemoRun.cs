using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary>Plays the demo from beginning to end on a namespace of its own, and leaves nothing behind in it.</summary>
internal sealed class DemoRun : IAsyncDisposable
{
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(100);

    private readonly IReadOnlyList<LatchworkStore> _stores;
    private readonly DistributedTimer _poster;
    private readonly CancellationToken _stop;
    private readonly DemoFuse _fuse = new();
    private readonly Random _random = new(41);

    /// <summary>Creates a run.</summary>
    /// <param name="stores">The poster's store, then those of <see cref="DemoPlan.Listeners"/>; disposed with the run. It may be one and the same.</param>
    /// <param name="stop">Ends it early.</param>
    public DemoRun(IReadOnlyList<LatchworkStore> stores, CancellationToken stop)
    {
        _stores = stores;
        _stop = stop;
        string ns = $"latchwork-demo-{Guid.NewGuid():N}";
        Ledger = new DemoLedger(DemoPlan.CreateEvents(), TimeProvider.System);
        _poster = new DistributedTimer(stores[0], new TimerOptions { Namespace = ns, NodeId = "poster" });
        Listeners = [.. DemoPlan.Listeners.Zip(stores.Skip(1), (name, own) => new DemoListener(name, own, ns, Ledger, _fuse))];
    }

    public DemoLedger Ledger { get; }

    public IReadOnlyList<DemoListener> Listeners { get; }

    public string StoreName => _stores[0].Description;

    /// <summary>Plays.</summary>
    /// <returns>What came out, with its claims checked.</returns>
    public async Task<DemoResult> PlayAsync()
    {
        try
        {
            foreach (DemoListener listener in Listeners) await listener.JoinAsync(_stop).ConfigureAwait(false);
            Ledger.Say($"{string.Join(", ", DemoPlan.Listeners)} listen");
            await PostAsync().ConfigureAwait(false);
            await UntilAsync(DemoPlan.ChangeAt).ConfigureAwait(false);
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
        foreach (DemoListener listener in Listeners) await listener.DisposeAsync().ConfigureAwait(false);
        await _poster.DisposeAsync().ConfigureAwait(false);
        foreach (LatchworkStore store in _stores.Distinct()) await store.DisposeAsync().ConfigureAwait(false);
    }

    private async Task PostAsync()
    {
        TimeSpan before = Ledger.Elapsed;
        TimerPost[] posts = [.. Ledger.Events.Select(e => new TimerPost(e.Payload, e.Delay, new PostOptions { Id = e.Id, MaxRetries = e.MaxRetries }))];
        foreach (DemoEvent e in Ledger.Events) Ledger.DelayFromNow(e, e.Delay);
        IReadOnlyList<PostResult> results = await _poster.PostAsync(posts, _stop).ConfigureAwait(false);
        Ledger.Posted = results.Count(r => r.Outcome == PostOutcome.Created);
        Ledger.Say($"posted {Printable.Count(Ledger.Posted)} events, due in 1 to 8 s, in {Printable.Duration(Ledger.Elapsed - before)}");
    }

    private async Task ChangeAsync()
    {
        int cancelled = 0;
        int rescheduled = 0;
        await Task.WhenAll(Ledger.Events.Select(e => e.Kind switch
        {
            DemoKind.Cancelled => CancelAsync(e),
            DemoKind.Rescheduled => RescheduleAsync(e),
            _ => Task.CompletedTask,
        })).ConfigureAwait(false);
        Ledger.Say($"cancelled {cancelled}, gave {rescheduled} another due time");

        async Task CancelAsync(DemoEvent e)
        {
            if (await _poster.CancelAsync(e.Id, cancellationToken: _stop).ConfigureAwait(false) != TimerOutcome.Done) return;
            Ledger.Cancel(e);
            Interlocked.Increment(ref cancelled);
        }

        async Task RescheduleAsync(DemoEvent e)
        {
            (long from, TimeSpan delay) = (e.DelayFrom, e.MinDelay);
            TimeSpan newDelay;
            lock (_random) newDelay = DemoPlan.NewDelay(_random);
            Ledger.DelayFromNow(e, newDelay);
            e.WasRescheduled = await _poster.ChangeDelayAsync(e.Id, newDelay, _stop).ConfigureAwait(false) == TimerOutcome.Done;
            if (e.WasRescheduled) Interlocked.Increment(ref rescheduled);
            else (e.DelayFrom, e.MinDelay) = (from, delay);
        }
    }

    private async Task<DemoListener> KillAsync()
    {
        await UntilAsync(DemoPlan.BurstAt - TimeSpan.FromMilliseconds(100)).ConfigureAwait(false);
        _fuse.Arm();
        while (!_fuse.Burnt.IsCompleted)
        {
            // The burst makes somebody hold enough within moments. If the machine is so slow that it does not, the busiest is taken.
            if (Ledger.Elapsed > DemoPlan.KillAtTheLatest && _fuse.Burns()) Listeners.MaxBy(l => l.InHand)!.Kill();
            await Task.WhenAny(_fuse.Burnt, Task.Delay(_poll, TimeProvider.System, _stop)).ConfigureAwait(false);
            _stop.ThrowIfCancellationRequested();
        }

        DemoListener victim = await _fuse.Burnt.ConfigureAwait(false);
        Ledger.Say($"killed {victim.Name}, which held {victim.Orphans!.Count} events; their leases last up to {Printable.Duration(DemoPlan.Lease)} more");
        return victim;
    }

    private async Task<bool> DrainAsync(DemoListener victim)
    {
        bool told = false;
        while (Ledger.Elapsed < DemoPlan.GiveUpAt)
        {
            TimerStats stats = await _poster.StatsAsync(_stop).ConfigureAwait(false);
            if (!told && victim.Orphans!.All(id => Ledger.Find(id).IsHandled))
            {
                told = true;
                Ledger.Say($"the others have handled the {victim.Orphans!.Count} events of {victim.Name}");
            }

            if (stats is { Scheduled: 0, InFlight: 0 })
            {
                Ledger.Say("nothing is left to do");
                return true;
            }

            await Task.Delay(_poll, TimeProvider.System, _stop).ConfigureAwait(false);
        }

        Ledger.Say("gave up waiting for the rest");
        return false;
    }

    private async Task<DemoResult> AuditAsync(DemoListener victim, bool inTime)
    {
        var dead = new List<TimerSnapshot>();
        await foreach (TimerSnapshot snapshot in _poster.DeadLetters.ListAsync(cancellationToken: _stop).ConfigureAwait(false)) dead.Add(snapshot);
        return DemoAudit.Check(Ledger, dead, victim, inTime);
    }

    private async Task UntilAsync(TimeSpan moment)
    {
        TimeSpan left = moment - Ledger.Elapsed;
        if (left > TimeSpan.Zero) await Task.Delay(left, TimeProvider.System, _stop).ConfigureAwait(false);
    }

    // Also after a failure or Ctrl-C: whatever the demo put into the store goes.
    private async Task CleanUpAsync()
    {
        foreach (DemoEvent e in Ledger.Events.Where(e => !e.IsHandled && e.CancelledAt is null))
        {
            await _poster.CancelAsync(e.Id, revoke: true, CancellationToken.None).ConfigureAwait(false);
        }
    }
}
