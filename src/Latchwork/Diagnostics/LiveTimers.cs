using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Latchwork.Diagnostics;

/// <summary>The timers of this process that are joined, for instruments that are asked.</summary>
internal static class LiveTimers
{
    private static readonly ConcurrentDictionary<Listener, TimerSample> _joined = new();

    public static void Joined(Listener listener, Func<CancellationToken, Task<TimerStats>> stats) => _joined[listener] = new TimerSample(stats);

    public static void Left(Listener listener) => _joined.TryRemove(listener, out _);

    public static IEnumerable<Measurement<long>> InFlight() => _joined.Keys.Select(listener => Of(listener, (long)listener.Capacity.Taken));

    public static IEnumerable<Measurement<long>> Scheduled() => Sampled(stats => stats.Scheduled);

    public static IEnumerable<Measurement<long>> DeadLetters() => Sampled(stats => stats.DeadLetters);

    public static IEnumerable<Measurement<double>> OldestOverdue() => Sampled(stats => stats.OldestOverdue?.TotalSeconds ?? 0);

    private static IEnumerable<Measurement<T>> Sampled<T>(Func<TimerStats, T> read)
        where T : struct
    {
        foreach ((Listener listener, TimerSample sample) in _joined)
        {
            if (sample.Read() is { } stats) yield return Of(listener, read(stats));
        }
    }

    private static Measurement<T> Of<T>(Listener listener, T value)
        where T : struct =>
        new(value, new(Names.System, Names.Latchwork), new(Names.Destination, listener.Settings.Namespace));
}

/// <summary>
/// The counts of a namespace for whoever collects metrics. A collection cannot wait for a store, so it gets what the one before has asked
/// for, and asks anew.
/// </summary>
internal sealed class TimerSample(Func<CancellationToken, Task<TimerStats>> ask)
{
    /// <summary>Several instruments are read in one collection.</summary>
    private static readonly TimeSpan _sameCollection = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private TimerStats? _last;
    private long _askedAt;
    private bool _asking;

    public TimerStats? Read()
    {
        lock (_gate)
        {
            if (!_asking && (_askedAt == 0 || TimeProvider.System.GetElapsedTime(_askedAt) > _sameCollection))
            {
                _asking = true;
                _askedAt = TimeProvider.System.GetTimestamp();
                _ = Task.Run(AskAsync);
            }

            return _last;
        }
    }

    // Never throws.
    private async Task AskAsync()
    {
        TimerStats? stats = null;
        try
        {
            using var bound = new CancellationTokenSource(_timeout, TimeProvider.System);
            stats = await ask(bound.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException or ObjectDisposedException)
        {
            // A store that does not answer is told of by the latency of its operations; here it means that there is no value.
            stats = null;
        }
        finally
        {
            lock (_gate) (_last, _asking) = (stats, false);
        }
    }
}
