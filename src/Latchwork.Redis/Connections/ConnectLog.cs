namespace Latchwork.Redis.Connections;

/// <summary>
/// Learns why connecting failed. The client throws only that it did, and tells its log the reason: what the server said, or the error of the socket.
/// </summary>
internal sealed class ConnectLog(ILoggerFactory? next) : ILoggerFactory, ILogger
{
    private const string Prefix = "SimpleError: ";
    private readonly SafeLogger? _next = next is null ? null : new SafeLogger(next.CreateLogger("StackExchange.Redis"));
    private volatile Exception? _cause;

    /// <summary>The reason; null if none was told. The word of a server goes before everything else.</summary>
    public Exception? Cause => _cause;

    public ILogger CreateLogger(string categoryName) => this;
    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => _next?.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error || (_next?.IsEnabled(logLevel) ?? false);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        for (Exception? one = exception; one is not null; one = one.InnerException)
        {
            if (one is RedisServerException server)
                _cause = server.Message.StartsWith(Prefix, StringComparison.Ordinal) ? new RedisServerException(server.Kind, server.Flags, server.Message[Prefix.Length..]) : server;
            else if (one.InnerException is null && one is not RedisConnectionException && _cause is not RedisServerException)
                _cause = one;
        }

        if (_next?.IsEnabled(logLevel) ?? false) _next.Log(logLevel, eventId, state, exception, formatter);
    }

    public void Dispose()
    {
        // The other factory is the application's.
    }

    /// <summary>Connects. The log of the settings is replaced by one that passes on what it gets.</summary>
    /// <exception cref="RedisConnectionException">There is no connection; the reason is the inner exception.</exception>
    public static async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions settings)
    {
        var log = new ConnectLog(settings.LoggerFactory);
        settings.LoggerFactory = log;
        try
        {
            return await ConnectionMultiplexer.ConnectAsync(settings).ConfigureAwait(false);
        }
        catch (RedisConnectionException e) when (log.Cause is { } cause && e.InnerException is not RedisServerException)
        {
            throw new RedisConnectionException(e.FailureType, e.Flags, cause.Message, cause);
        }
    }
}
