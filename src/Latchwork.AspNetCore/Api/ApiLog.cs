using Microsoft.Extensions.Logging;

namespace Latchwork.Api;

/// <summary>What the HTTP API logs. Ids, keys and payloads do not appear.</summary>
internal static partial class ApiLog
{
    [LoggerMessage(4101, LogLevel.Warning, "The store did not serve a request to {Path}.")]
    public static partial void StoreFailed(this ILogger logger, Exception exception, string path);

    [LoggerMessage(4102, LogLevel.Warning, "A key of the namespace '{Namespace}' was or may have been granted to a request that was given up or failed, and could not be released: its lease runs out.")]
    public static partial void ReleaseFailed(this ILogger logger, Exception exception, string @namespace);
}
