using Latchwork.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Latchwork;

/// <summary>
/// When a health check of Latchwork is content. Read from the configuration section <c>Latchwork:Health</c> (of a keyed registration:
/// <c>Latchwork:KEY:Health</c>), and then from code; checked when the application starts.
/// </summary>
public sealed class LatchworkHealthOptions
{
    /// <summary>What each of them may be.</summary>
    internal static OptionSet<LatchworkHealthOptions> Set { get; } = new OptionSet<LatchworkHealthOptions>(static () => new())
        .Duration(nameof(DegradedOverdue), TimeSpan.Zero, Limits.MaxDelay, static o => o.DegradedOverdue, static (o, value) => o.DegradedOverdue = value)
        .Duration(
            nameof(UnhealthyOverdue),
            new(TimeSpan.Zero, nameof(DegradedOverdue), static o => o.DegradedOverdue),
            Limits.MaxDelay,
            static o => o.UnhealthyOverdue,
            static (o, value) => o.UnhealthyOverdue = value)
        .Choice<HealthStatus>(nameof(NotJoined), static o => o.NotJoined, static (o, value) => o.NotJoined = value)
        .Choice<HealthStatus>(nameof(Paused), static o => o.Paused, static (o, value) => o.Paused = value)
        .Choice<HealthStatus>(nameof(Warnings), static o => o.Warnings, static (o, value) => o.Warnings = value)
        .List(nameof(AcceptedWarnings), static o => o.AcceptedWarnings)
        .Duration(nameof(Timeout), TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10), static o => o.Timeout, static (o, value) => o.Timeout = value);

    /// <summary>Degraded when the oldest event of a namespace that this application listens to is overdue by more: zero to 100 years; default 10 s.</summary>
    public TimeSpan DegradedOverdue { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Unhealthy when it is overdue by more: from <see cref="DegradedOverdue"/> to 100 years; default 5 min.</summary>
    public TimeSpan UnhealthyOverdue { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// What it means that a namespace with a handler is not joined: before the application has started, while the store cannot be reached, and
    /// from the beginning of the shutdown on. Default: <see cref="HealthStatus.Unhealthy"/>, so that a readiness probe waits for it.
    /// </summary>
    public HealthStatus NotJoined { get; set; } = HealthStatus.Unhealthy;

    /// <summary>
    /// What it means that a namespace with a handler is paused. Default: <see cref="HealthStatus.Degraded"/>. How overdue its events are does not count
    /// meanwhile.
    /// </summary>
    public HealthStatus Paused { get; set; } = HealthStatus.Degraded;

    /// <summary>What the store's warnings mean. Default: <see cref="HealthStatus.Degraded"/>.</summary>
    public HealthStatus Warnings { get; set; } = HealthStatus.Degraded;

    /// <summary>The codes of warnings that you know of and accept. Default: none.</summary>
    public ICollection<string> AcceptedWarnings { get; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>How long the store may take to answer before it counts as unreachable: 10 ms to 10 min; default 3 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(3);
}
