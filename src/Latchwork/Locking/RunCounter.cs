using Latchwork.Threading;

namespace Latchwork.Locking;

/// <summary>What a locker does, added up in this process and written once a second, and when the locker ends. While nothing happens it costs nothing.</summary>
/// <param name="core">The locker.</param>
internal sealed class RunCounter(LockerCore core)
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long _runs, _takeovers, _failures;
    private ITimer? _timer;
    private Task _writing = Task.CompletedTask;
    private bool _isArmed, _isOver;

    /// <summary>A lock was granted.</summary>
    public void Granted(bool isTakenOver) => Add(1, isTakenOver ? 1 : 0, 0);

    /// <summary>A failure was published.</summary>
    public void Failed() => Add(0, 0, 1);

    /// <summary>Writes what was counted. Never throws for the store's faults: what was certainly not written is written with the next.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        LockerStats counts;
        lock (_gate)
        {
            _isArmed = false;
            counts = new LockerStats(_runs, _takeovers, _failures);
            (_runs, _takeovers, _failures) = (0, 0, 0);
        }

        if (core.IsAbandoned || counts is { Runs: 0, Takeovers: 0, Failures: 0 }) return;
        try
        {
            await core.Store.AddCountsAsync(core.Options.Namespace, counts, cancellationToken).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotApplied)
        {
            core.Log.CountsNotWritten(e, core.Options.Namespace);
            Add(counts.Runs, counts.Takeovers, counts.Failures);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException or OperationCanceledException)
        {
            core.Log.CountsNotWritten(e, core.Options.Namespace); // or perhaps they were: counted twice would be worse than not at all
        }
    }

    /// <summary>Writes the rest, for a second at most.</summary>
    public async Task EndAsync()
    {
        lock (_gate)
        {
            _isOver = true;
            _timer?.Dispose();
        }

        // By the clock of the machine: one that a test has stopped must not keep a disposal from ending.
        using var end = new CancellationTokenSource(_interval, TimeProvider.System);
        Task writing;
        lock (_gate) writing = _writing; // what it could not write is written below
        await writing.WaitAsync(end.Token).OffStoreThread().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await WriteAsync(end.Token).OffStoreThread().ConfigureAwait(false);
    }

    private void Add(long runs, long takeovers, long failures)
    {
        lock (_gate)
        {
            _runs += runs;
            _takeovers += takeovers;
            _failures += failures;
            if (_isArmed || _isOver) return;
            _isArmed = true;
            if (_timer is null) DefaultContext.Run(static self => ((RunCounter)self!).CreateTimer(), this);
            else _timer.Change(_interval, Timeout.InfiniteTimeSpan);
        }
    }

    private void CreateTimer() =>
        _timer = core.Options.TimeProvider.CreateTimer(static self => ((RunCounter)self!).OnTimer(), this, _interval, Timeout.InfiniteTimeSpan);

    private void OnTimer()
    {
        lock (_gate)
        {
            if (!_isOver) _writing = WriteAsync(CancellationToken.None);
        }
    }
}
