using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Latchwork.Diagnostics;

/// <summary>The timers of this process that are joined, for instruments that are asked.</summary>
internal static class LiveTimers
{
    private static readonly ConcurrentDictionary<ILiveTimer, TimerSample> _joined = new();

    public static void Joined(ILiveTimer timer, Func<CancellationToken, Task<TimerStats>> stats) => _joined[timer] = new TimerSample(stats);

    public static void Left(ILiveTimer timer) => _joined.TryRemove(timer, out _);

    public static IEnumerable<Measurement<long>> InFlight() => _joined.Keys.Select(timer => Of(timer, (long)timer.InFlight));

    public static IEnumerable<Measurement<long>> Scheduled() => Sampled(stats => stats.Scheduled);

    public static IEnumerable<Measurement<long>> DeadLetters() => Sampled(stats => stats.DeadLetters);

    public static IEnumerable<Measurement<double>> OldestOverdue() => Sampled(stats => stats.OldestOverdue?.TotalSeconds ?? 0);

    private static IEnumerable<Measurement<T>> Sampled<T>(Func<TimerStats, T> read)
        where T : struct
    {
        foreach ((ILiveTimer timer, TimerSample sample) in _joined)
        {
            if (sample.Read() is { } stats) yield return Of(timer, read(stats));
        }
    }

    private static Measurement<T> Of<T>(ILiveTimer timer, T value)
        where T : struct =>
        new(value, new(Names.System, Names.Latchwork), new(Names.Destination, timer.Namespace));
}

/// <summary>A timer that is joined, as metrics see it.</summary>
internal interface ILiveTimer
{
    /// <summary>Its namespace.</summary>
    string Namespace { get; }

    /// <summary>How many deliveries it holds.</summary>
    int InFlight { get; }
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
            // A store that does not answer shows in the latency of its operations; here it means that there is no value.
            stats = null;
        }
        finally
        {
            lock (_gate) (_last, _asking) = (stats, false);
        }
    }
}
