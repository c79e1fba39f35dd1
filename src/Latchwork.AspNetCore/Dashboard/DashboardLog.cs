using Microsoft.Extensions.Logging;

namespace Latchwork.Dashboard;

/// <summary>What the dashboard writes to the log. Ids, keys and payloads only at the level Debug.</summary>
internal static partial class DashboardLog
{
    [LoggerMessage(1, LogLevel.Information, "{User} did '{Action}' in the namespace '{Namespace}' on the dashboard: {Done} of {Count} done.")]
    public static partial void Changed(ILogger log, string user, string action, string @namespace, long done, long count);

    [LoggerMessage(2, LogLevel.Debug, "'{Action}' was about {Names}.")]
    public static partial void ChangedNames(ILogger log, string action, string names);

    [LoggerMessage(3, LogLevel.Warning, "'{Action}' in the namespace '{Namespace}', asked for on the dashboard by {User}, failed; {Done} are known to be done.")]
    public static partial void ChangeFailed(ILogger log, Exception exception, string user, string action, string @namespace, long done);

    [LoggerMessage(4, LogLevel.Error, "What the dashboard shows could not be rendered.")]
    public static partial void FeedFailed(ILogger log, Exception exception);
}
