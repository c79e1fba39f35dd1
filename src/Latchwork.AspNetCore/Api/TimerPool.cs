using Microsoft.Extensions.Logging;

namespace Latchwork.Api;

/// <summary>The timers of the namespaces that requests name: made when first named, kept while they are used, and bounded.</summary>
internal sealed class TimerPool(LatchworkStore store, HttpApiOptions options, ILoggerFactory? loggerFactory, TimeProvider time) : IAsyncDisposable
{
    /// <summary>How many timers are kept although nobody uses them.</summary>
    public const int MaxKept = 256;

    /// <summary>How many namespaces are used at a time.</summary>
    public const int MaxUsed = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private long _uses;
    private bool _disposed;

    /// <summary>Uses the timer of a namespace.</summary>
    /// <exception cref="ArgumentException">The namespace cannot be one.</exception>
    public async Task<T> UseAsync<T>(string ns, Func<DistributedTimer, Task<T>> use)
    {
        Entry entry = Take(ns, out List<DistributedTimer> evicted);
        try
        {
            foreach (DistributedTimer timer in evicted) await timer.DisposeAsync().ConfigureAwait(false);
            return await use(entry.Timer).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate) entry.Users--;
        }
    }

    public async ValueTask DisposeAsync()
    {
        DistributedTimer[] timers;
        lock (_gate)
        {
            _disposed = true;
            timers = [.. _entries.Values.Select(entry => entry.Timer)];
            _entries.Clear();
        }

        await Task.WhenAll(timers.Select(timer => timer.DisposeAsync().AsTask())).ConfigureAwait(false);
    }

    private Entry Take(string ns, out List<DistributedTimer> evicted)
    {
        evicted = [];
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(HttpApi));
            if (!_entries.TryGetValue(ns, out Entry? entry))
            {
                if (_entries.Count >= MaxKept) evicted = Evict();
                if (_entries.Count >= MaxUsed) throw ApiProblems.TooMany($"{MaxUsed} namespaces are used at the moment, the most that may.");
                _entries[ns] = entry = new Entry(Create(ns));
            }

            entry.Users++;
            entry.LastUse = ++_uses;
            return entry;
        }
    }

    // Those that listen hold deliveries, or did a moment ago. Needs the gate.
    private List<DistributedTimer> Evict()
    {
        string[] oldest =
        [
            .. _entries
                .Where(entry => entry.Value is { Users: 0, Timer.IsJoined: false })
                .OrderBy(entry => entry.Value.LastUse)
                .Take(MaxKept / 4)
                .Select(entry => entry.Key),
        ];
        return Array.ConvertAll(oldest, ns =>
        {
            _entries.Remove(ns, out Entry? entry);
            return entry!.Timer;
        }).ToList();
    }

    private DistributedTimer Create(string ns) => new(store, new TimerOptions
    {
        Namespace = ns,
        CompletedRetention = options.CompletedRetention,
        LeaseDuration = TimeSpan.FromSeconds(30),
        MaxInFlight = 100_000,
        MaxPayloadBytes = options.MaxPayloadBytes,
        LoggerFactory = loggerFactory,
        TimeProvider = time,
    }.KeepDeadLetters());

    private sealed class Entry(DistributedTimer timer)
    {
        public DistributedTimer Timer => timer;

        public int Users { get; set; }

        public long LastUse { get; set; }
    }
}
