namespace Latchwork.Monitoring;

/// <summary>Reads one timer namespace, and keeps what was read last.</summary>
internal sealed class NamespaceReader(LatchworkStore store, string ns, TimeProvider time) : IAsyncDisposable
{
    // What comes due, from now: each window is read up to its bound, so that the work does not grow with the number of events.
    private static readonly (string Name, TimeSpan? Offset, TimeSpan? Duration)[] _windows =
    [
        ("next minute", null, TimeSpan.FromMinutes(1)),
        ("next hour", TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(59)),
        ("next day", TimeSpan.FromHours(1), TimeSpan.FromHours(23)),
        ("later", TimeSpan.FromDays(1), null),
    ];

    private DistributedTimer? _timer;
    private long? _readAt, _windowsReadAt;

    public NamespaceRow Row { get; private set; } = new() { Namespace = ns };

    public IReadOnlyList<DueWindow> Windows { get; private set; } = [];

    /// <summary>When it was last begun to read it, by the timestamps of the clock; null: never.</summary>
    public long? TriedAt { get; private set; }

    /// <summary>The next call reads anew.</summary>
    public void ForgetAge() => _readAt = _windowsReadAt = null;

    /// <summary>Whether it was read at a time or later, by the timestamps of the clock.</summary>
    public bool WasReadSince(long timestamp) => _readAt >= timestamp;

    /// <summary>Reads its counts and nodes, unless they are young enough.</summary>
    /// <exception cref="LatchworkStoreException">The store does not answer.</exception>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        if (IsYoung(_readAt)) return;
        TriedAt = time.GetTimestamp();
        try
        {
            DistributedTimer timer = Open();
            Task<TimerStats> stats = timer.GetStatsAsync(cancellationToken);
            Task<IReadOnlyList<TimerNode>> nodes = timer.GetNodesAsync(cancellationToken);
            await Task.WhenAll(stats, nodes).ConfigureAwait(false);
            Keep(await stats.ConfigureAwait(false), await nodes.ConfigureAwait(false));
        }
        catch (LatchworkStoreException e) when (e is { Outcome: StoreOutcome.NotApplied, IsTransient: false })
        {
            // This namespace, not the store. It may have another layout than the one that was opened.
            await RefuseAsync(e.Message).ConfigureAwait(false);
        }

        _readAt = time.GetTimestamp();
    }

    /// <summary>Reads its counts and nodes and what comes due, unless they are young enough.</summary>
    public async Task ReadWithWindowsAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken).ConfigureAwait(false);
        if (Row.Refusal is not null || IsYoung(_windowsReadAt)) return;
        DistributedTimer timer = Open();
        DueWindow[] windows = await Task.WhenAll(_windows.Select(window => CountAsync(timer, window.Name, window.Offset, window.Duration, cancellationToken))).ConfigureAwait(false);
        Windows = windows;
        _windowsReadAt = time.GetTimestamp();
    }

    public async ValueTask DisposeAsync()
    {
        if (_timer is { } timer) await timer.DisposeAsync().ConfigureAwait(false);
        _timer = null;
    }

    private static async Task<DueWindow> CountAsync(DistributedTimer timer, string name, TimeSpan? offset, TimeSpan? duration, CancellationToken cancellationToken)
    {
        long count = 0;
        await foreach (TimerSnapshot _ in timer.UpcomingAsync(offset, duration, StoreMonitor.MaxCounted + 1, cancellationToken).ConfigureAwait(false)) count++;
        return new DueWindow(name, Math.Min(count, StoreMonitor.MaxCounted), count > StoreMonitor.MaxCounted);
    }

    private DistributedTimer Open() => _timer ??= new DistributedTimer(store, new TimerOptions { Namespace = ns });

    private bool IsYoung(long? timestamp) => timestamp is { } at && time.GetElapsedTime(at) < StoreMonitor.MaxAge;

    private void Keep(TimerStats stats, IReadOnlyList<TimerNode> nodes) => Row = new NamespaceRow
    {
        Namespace = ns,
        Stats = stats,
        Nodes = nodes,
        DeadLettersGrownBy = GrowthOf(stats),
        Rates = MinuteRates.Of(stats.Counters),
        ReadAt = time.GetUtcNow(),
    };

    // Those that were requeued or purged since are no growth.
    private static long GrowthOf(TimerStats stats)
    {
        if (stats.DeadLetters == 0) return 0;
        long grown = 0;
        IReadOnlyList<TimerCountsBucket> minutes = stats.Counters.Minutes;
        for (int i = Math.Max(0, minutes.Count - 1 - StoreMonitor.GrowthMinutes); i < minutes.Count; i++) grown += minutes[i].Counts.DeadLettered;
        return Math.Min(grown, stats.DeadLetters);
    }

    private async Task RefuseAsync(string refusal)
    {
        await DisposeAsync().ConfigureAwait(false);
        Windows = [];
        Row = new NamespaceRow { Namespace = ns, Refusal = refusal, ReadAt = time.GetUtcNow() };
    }
}
