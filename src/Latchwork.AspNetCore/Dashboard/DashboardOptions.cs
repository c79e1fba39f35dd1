using Latchwork.Configuration;
using Microsoft.AspNetCore.Http;

namespace Latchwork;

/// <summary>Who may do what on the dashboard, and how many may watch it. See <c>AddDashboard</c>.</summary>
public sealed class DashboardOptions
{
    /// <summary>What each of them may be.</summary>
    internal static OptionSet<DashboardOptions> Set { get; } = new OptionSet<DashboardOptions>(static () => new())
        .Policy(nameof(ReadPolicy), static o => o.ReadPolicy, "none")
        .Policy(nameof(ChangePolicy), static o => o.ChangePolicy, "none: read-only for all")
        .Policy(nameof(PayloadPolicy), static o => o.PayloadPolicy, "none: shown in Development alone")
        .Number(nameof(MaxStreams), 0, 10_000, static o => o.MaxStreams, static (o, value) => o.MaxStreams = value);

    /// <summary>The most streams that may be open by default.</summary>
    public const int DefaultMaxStreams = 200;

    /// <summary>
    /// The authorization policy that a user must meet to see the dashboard at all, besides what the endpoints themselves demand
    /// (<c>MapLatchworkDashboard(…).RequireAuthorization(…)</c>). Default: null, no further one.
    /// </summary>
    public string? ReadPolicy { get; set; }

    /// <summary>The authorization policy that a user must meet to change anything. Default: null, and then the dashboard is read-only for everybody.</summary>
    public string? ChangePolicy { get; set; }

    /// <summary>
    /// The authorization policy that a user must meet to see payloads, headers and texts of errors. Default: null, and then they are shown in
    /// the environment Development and hidden elsewhere.
    /// </summary>
    public string? PayloadPolicy { get; set; }

    /// <summary>How many browser tabs may be kept up to date at the same time by this process: 0 to 10,000; default 200. Others can reload.</summary>
    public int MaxStreams { get; set; } = DefaultMaxStreams;

    /// <summary>Where the browser of a request signs out, relative to the pages, by a post without fields; null if it cannot. For <c>latchwork-server</c>.</summary>
    internal Func<HttpContext, string?>? SignOut { get; set; }
}
