using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>The partitions of a namespace, which are known once the store was asked: once, before the first operation, and again if that failed.</summary>
internal sealed class TimerLanes : IDisposable
{
    private readonly ITimerStore _store;
    private readonly TimerSettings _settings;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private volatile TimerLane[]? _opened;
    private Task<TimerLane[]>? _opening;
    private volatile bool _closed;

    public TimerLanes(ITimerStore store, TimerSettings settings)
    {
        _store = store;
        _settings = settings;
    }

    /// <summary>The store.</summary>
    public ITimerStore Store => _store;

    /// <summary>Fires when the timer is disposed; what is under way then is given up.</summary>
    public CancellationToken Closed => _closing.Token;

    /// <summary>The partitions if they are known already: the fast path.</summary>
    public TimerLane[]? Opened
    {
        get
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(DistributedTimer));
            return _opened;
        }
    }

    /// <summary>All partitions.</summary>
    public Task<TimerLane[]> OpenAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closed, typeof(DistributedTimer));
        Task<TimerLane[]> opening;
        lock (_gate)
        {
            if (_opening is null || _opening.IsFaulted || _opening.IsCanceled) _opening = Task.Run(AskAsync, CancellationToken.None);
            opening = _opening;
        }

        // Shared by all callers, so that one who gives up disturbs nobody.
        return cancellationToken.CanBeCanceled ? opening.WaitAsync(cancellationToken) : opening;
    }

    /// <summary>The partition of an id.</summary>
    public async ValueTask<TimerLane> OfAsync(string id, CancellationToken cancellationToken)
    {
        TimerLane[] lanes = Opened ?? await OpenAsync(cancellationToken).ConfigureAwait(false);
        return Of(lanes, id);
    }

    /// <summary>The partition of an id.</summary>
    public static TimerLane Of(TimerLane[] lanes, string id) =>
        lanes.Length == 1 ? lanes[0] : lanes[TimerPartition.Of(lanes[0].Partition.Namespace, id, lanes.Length).Index];

    /// <summary>Refuses everything from now on and gives up what is under way.</summary>
    public void Dispose()
    {
        _closed = true;
        var reason = new ObjectDisposedException(nameof(DistributedTimer));
        foreach (TimerLane lane in _opened ?? []) lane.Close(reason);
        _closing.Cancel();
    }

    private async Task<TimerLane[]> AskAsync()
    {
        int count = await _store.OpenAsync(_settings.Namespace, _closing.Token).OffStoreThread().ConfigureAwait(false);
        var lanes = new TimerLane[count];
        for (int i = 0; i < count; i++)
        {
            lanes[i] = new TimerLane(_store, new TimerPartition(_settings.Namespace, i), _settings.DeadLetters, _closing.Token);
        }

        return _opened = lanes;
    }
}
