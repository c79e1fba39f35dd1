namespace Latchwork.Monitoring;

/// <summary>What is known of the store itself.</summary>
/// <param name="Description">Where it is, without user name and password.</param>
/// <param name="Warnings">What an operator should know of it, as it said last.</param>
/// <param name="UnavailableSince">Since when it has not answered; null if it answers.</param>
/// <param name="LastError">What it said, or did not say, when it was last asked in vain; null if it answers.</param>
/// <param name="Reconnects">How often a connection was made anew since the store was opened.</param>
internal sealed record StoreState(string Description, IReadOnlyList<StoreWarning> Warnings, DateTimeOffset? UnavailableSince, string? LastError, long Reconnects)
{
    public bool IsAnswering => UnavailableSince is null;
}
