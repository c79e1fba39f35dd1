using Latchwork.Cli.Output;
using Microsoft.Extensions.Logging;

namespace Latchwork.Cli.Listening;

/// <summary>
/// What the engine logs, on standard error: each warning, and that what could not be done can be done again. The engine tells of an outage once, of each
/// different failure in it, and of its end. Of what the store logs it is the errors: that it came back without its data, say.
/// </summary>
internal sealed class ListenLog(Printer printer, LogLevel level = LogLevel.Information) : ILoggerFactory, ILogger
{
    private const string Engine = "Latchwork.Timers";

    /// <summary>Event ids of messages at level Information that a person waits for: claims, and extensions of leases, succeed again.</summary>
    private const int ClaimsAgain = 110, ExtendsAgain = 115;

    public ILogger CreateLogger(string categoryName) => categoryName == Engine ? this : new ListenLog(printer, LogLevel.Error);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= level;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel)) return;
        if (logLevel >= LogLevel.Warning) printer.Warn(exception is null ? formatter(state, exception) : $"{formatter(state, exception)} {exception.Message}");
        else if (eventId.Id is ClaimsAgain or ExtendsAgain) printer.Note(formatter(state, exception));
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
