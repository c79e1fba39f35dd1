using System.Diagnostics.Metrics;
using Latchwork.Faults.History;
using Microsoft.Extensions.Logging;

namespace Latchwork.Faults.Work;

/// <summary>
/// Code of the application that the library calls beside its work: a log, a listener of its metrics, a subscriber of errors. While it is broken it throws,
/// and the log takes longer than a lease.
/// </summary>
internal sealed class BrokenCallbacks : ILoggerFactory, ILogger
{
    // More at a time would be a pool without a free thread, which is another fault.
    private const int MaxSleepers = 2;
    private static readonly TimeSpan _sleep = WorkerSettings.LeaseDuration + TimeSpan.FromSeconds(1);
    private readonly MeterListener _metrics = new();
    private volatile bool _isBroken;
    private int _sleepers;

    public BrokenCallbacks()
    {
        _metrics.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == LatchworkTelemetry.MeterName) listener.EnableMeasurementEvents(instrument);
        };
        _metrics.SetMeasurementEventCallback<long>((_, _, _, _) => ThrowAtTimes());
        _metrics.SetMeasurementEventCallback<double>((_, _, _, _) => ThrowAtTimes());
        _metrics.Start();
    }

    /// <summary>Whether they are broken.</summary>
    public bool IsBroken
    {
        get => _isBroken;
        set => _isBroken = value;
    }

    /// <summary>A failure as a handler or a factory may throw it: now and then its text cannot be read.</summary>
    public static Exception NewFailure(Random chance, string message) => chance.Next(6) == 0 ? new UnreadableException() : new InvalidOperationException(message);

    /// <summary>Whether an exception is one of those.</summary>
    public static bool IsFailure(Exception exception) => exception is UnreadableException || exception.GetType() == typeof(InvalidOperationException);

    /// <summary>How the outcome of such a failure is written.</summary>
    public static string ValueOf(Exception failure) => failure is UnreadableException ? LockValue.Unreadable : LockValue.OfFailure(failure.Message);

    /// <summary>A subscriber of <see cref="DistributedTimer.Error"/>.</summary>
    public void OnError(object? sender, TimerErrorEventArgs error) => ThrowAtTimes();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("It is its own provider.");

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
    {
        ThrowAtTimes();
        return null;
    }

    public bool IsEnabled(LogLevel logLevel)
    {
        ThrowAtTimes();
        return true;
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ThrowAtTimes();
        if (!_isBroken || Random.Shared.Next(4) != 0) return;
        if (Interlocked.Increment(ref _sleepers) <= MaxSleepers) Thread.Sleep(_sleep);
        Interlocked.Decrement(ref _sleepers);
    }

    public void Dispose() => _metrics.Dispose();

    private void ThrowAtTimes()
    {
        if (_isBroken && Random.Shared.Next(3) == 0) throw new InvalidOperationException("This callback fails.");
    }

    private sealed class UnreadableException : Exception
    {
        public override string Message => throw new InvalidOperationException("This message cannot be read.");
    }
}
