namespace Latchwork.Cli.Demo.Timers;

/// <summary>One of the three listeners: a node of its own, with handlers that work, fail, and may be killed in the middle of it.</summary>
internal sealed class DemoListener : IAsyncDisposable
{
    private readonly DemoLedger _ledger;
    private readonly DemoStory _story;
    private readonly SeverableStore _severable;
    private readonly DistributedTimer _timer;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _inHand = new(StringComparer.Ordinal);
    private readonly DemoFuse _fuse;
    private volatile IReadOnlyList<string>? _orphans;
    private int _handled;
    private int _failed;

    /// <summary>Creates a listener.</summary>
    /// <param name="name">Its name and node id.</param>
    /// <param name="store">Its store; not disposed with it.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="ledger">Where it records what it does.</param>
    /// <param name="story">The clock of the act.</param>
    /// <param name="fuse">Whether it is to die.</param>
    public DemoListener(string name, LatchworkStore store, string ns, DemoLedger ledger, DemoStory story, DemoFuse fuse)
    {
        Name = name;
        _ledger = ledger;
        _story = story;
        _fuse = fuse;
        _severable = new SeverableStore(store);
        _timer = new DistributedTimer(_severable, TimersPlan.ListenerOptions(ns, name));
    }

    public string Name { get; }

    public int InHand
    {
        get
        {
            lock (_gate) return _inHand.Count;
        }
    }

    public int Handled => Volatile.Read(ref _handled);

    public int Failed => Volatile.Read(ref _failed);

    public bool IsKilled => _orphans is not null;

    /// <summary>The ids of the events that it held when it was killed; null while it lives.</summary>
    public IReadOnlyList<string>? Orphans => _orphans;

    /// <summary>When it was killed, since the act began.</summary>
    public TimeSpan KilledAt { get; private set; }

    public Task JoinAsync(CancellationToken cancellationToken) => _timer.JoinAsync(HandleAsync, cancellationToken);

    /// <summary>Kills this listener, as if its machine's plug were pulled: nobody is told, and its handlers never end.</summary>
    public void Kill()
    {
        KilledAt = _story.Elapsed;
        _severable.Sever();
        lock (_gate) _orphans = [.. _inHand];
        _fuse.Report(this);
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private async Task HandleAsync(TimerDelivery delivery, CancellationToken stopping)
    {
        DemoEvent known = _ledger.Find(delivery.Id);
        (DemoAttempt attempt, int number) = _ledger.Begin(known, Name, delivery);
        int inHand;
        lock (_gate)
        {
            _inHand.Add(known.Id);
            inHand = _inHand.Count;
        }

        if (!IsKilled && _fuse.Burns(inHand)) Kill();
        try
        {
            await WorkAsync(known, number, delivery, stopping).ConfigureAwait(false);
        }
        finally
        {
            attempt.End();
            lock (_gate) _inHand.Remove(known.Id);
        }
    }

    private async Task WorkAsync(DemoEvent known, int attempt, TimerDelivery delivery, CancellationToken stopping)
    {
        await Task.Delay(TimersPlan.Work(Random.Shared), TimeProvider.System, stopping).ConfigureAwait(false);
        // The dead do nothing more. (The handler stays where it was until its lease runs out and its token fires.)
        if (IsKilled) await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stopping).ConfigureAwait(false);

        if (known.Kind == DemoKind.Rejected)
        {
            Interlocked.Increment(ref _failed);
            await delivery.DeadAsync("no such customer", cancellationToken: stopping).ConfigureAwait(false);
            return;
        }

        if (known.Kind == DemoKind.AlwaysFails || (known.Kind == DemoKind.FailsOnce && attempt == 1))
        {
            Interlocked.Increment(ref _failed);
            throw new InvalidOperationException($"attempt {attempt} failed on {Name}, as planned");
        }

        await ConfirmAsync(known, delivery, stopping).ConfigureAwait(false);
    }

    private async Task ConfirmAsync(DemoEvent known, TimerDelivery delivery, CancellationToken stopping)
    {
        try
        {
            TimerOutcome outcome = await delivery.ConfirmAsync(stopping).ConfigureAwait(false);
            if (outcome == TimerOutcome.Done) Interlocked.Increment(ref _handled);
            _ledger.Confirm(known, outcome);
        }
        catch (Exception e) when (IsKilled && (e is LatchworkStoreException or OperationCanceledException))
        {
            // The plug was pulled between the confirm and its answer: nobody here can know whether it arrived.
            known.ConfirmUnanswered();
            throw;
        }
    }
}
