using Latchwork.Threading;
using Microsoft.Extensions.Logging;

namespace Latchwork.Diagnostics;

/// <summary>A log of the application, of which nothing else depends: what it throws is ignored.</summary>
/// <param name="inner">The application's.</param>
/// <param name="leavesSharedThreads">Whether it is called on the pool instead of a thread for which others wait: it may take its time.</param>
internal sealed class SafeLogger(ILogger inner, bool leavesSharedThreads = false) : ILogger
{
    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
    {
        try
        {
            return inner.BeginScope(state) is { } scope ? new SafeScope(scope) : null;
        }
        catch (Exception)
        {
            return null; // there is nobody else to tell
        }
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return inner.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (leavesSharedThreads && CallerThread.IsShared && IsEnabled(logLevel))
        {
            ThreadPool.UnsafeQueueUserWorkItem(static one => one.Self.LogHere(one.Level, one.Id, one.State, one.Exception, one.Formatter), (Self: this, Level: logLevel, Id: eventId, State: state, Exception: exception, Formatter: formatter), preferLocal: false);
            return;
        }

        LogHere(logLevel, eventId, state, exception, formatter);
    }

    private void LogHere<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            inner.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            // There is nobody else to tell.
        }
    }

    private sealed class SafeScope(IDisposable inner) : IDisposable
    {
        public void Dispose()
        {
            try
            {
                inner.Dispose();
            }
            catch (Exception)
            {
                // There is nobody else to tell.
            }
        }
    }
}
