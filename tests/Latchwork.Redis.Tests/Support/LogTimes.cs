using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Tests.Support;

/// <summary>Remembers what was logged, and when.</summary>
public sealed class LogTimes : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<(int Id, string Text, long At)> _lines = new();

    public IReadOnlyList<(int Id, string Text, long At)> Lines => [.. _lines];

    public ILoggerFactory Factory() => LoggerFactory.Create(logging => logging.AddProvider(this));

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((eventId.Id, formatter(state, exception), Stopwatch.GetTimestamp()));

    public void Dispose()
    {
        // Nothing is held.
    }
}
