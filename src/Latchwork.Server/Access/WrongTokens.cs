using System.Net;
using Microsoft.Extensions.Logging;

namespace Latchwork.Server.Access;

/// <summary>Logs who shows a wrong token, on the page or in a header. However many guess, the log stays small, and what is left out of it is counted there.</summary>
internal sealed partial class WrongTokens(ILoggerFactory loggers, TimeProvider time)
{
    /// <summary>The most lines in one <see cref="Interval"/>.</summary>
    public const int MaxLines = 10;

    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly ILogger _log = loggers.CreateLogger("Latchwork.Server");
    private readonly Lock _gate = new();
    private long? _began;
    private long _count;

    /// <summary>A wrong token came from a peer.</summary>
    public void Note(IPAddress? peer)
    {
        long unlogged = 0;
        lock (_gate)
        {
            if (_began is not { } began || time.GetElapsedTime(began) >= Interval)
            {
                unlogged = Math.Max(0, _count - MaxLines);
                (_began, _count) = (time.GetTimestamp(), 0);
            }

            if (++_count > MaxLines) return;
        }

        if (unlogged > 0) LogUnlogged(_log, unlogged);
        LogRefused(_log, peer?.ToString() ?? "an unknown address");
    }

    [LoggerMessage(1, LogLevel.Warning, "Somebody at {Peer} sent a wrong token.")]
    private static partial void LogRefused(ILogger log, string peer);

    [LoggerMessage(2, LogLevel.Warning, "{Count} more wrong tokens came before, which were not logged one by one.")]
    private static partial void LogUnlogged(ILogger log, long count);
}
