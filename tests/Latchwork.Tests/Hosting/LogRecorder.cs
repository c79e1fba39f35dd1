using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Latchwork.Tests.Hosting;

/// <summary>Keeps what is logged, with its values and the scopes in which it was logged.</summary>
public sealed class LogRecorder : ILoggerProvider, ISupportExternalScope
{
    private readonly ConcurrentQueue<LogEntry> _entries = new();
    private IExternalScopeProvider? _scopes;

    public IEnumerable<LogEntry> Entries => _entries;

    public int Count(int eventId) => _entries.Count(entry => entry.Id == eventId);

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose()
    {
        // Nothing is held.
    }

    public sealed record LogEntry(
        string Category, LogLevel Level, int Id, string Text, Exception? Exception, IReadOnlyDictionary<string, object?> Values, IReadOnlyDictionary<string, object?> Scope);

    private sealed class Logger(LogRecorder recorder, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var scope = new Dictionary<string, object?>();
            recorder._scopes?.ForEachScope(static (one, all) => Add(one, all), scope);
            var values = new Dictionary<string, object?>();
            Add(state, values);
            recorder._entries.Enqueue(new LogEntry(category, logLevel, eventId.Id, formatter(state, exception), exception, values, scope));
        }

        private static void Add(object? state, Dictionary<string, object?> to)
        {
            if (state is not IEnumerable<KeyValuePair<string, object?>> pairs) return;
            foreach ((string name, object? value) in pairs) to[name] = value;
        }
    }
}
