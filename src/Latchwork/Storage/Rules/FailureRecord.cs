namespace Latchwork.Storage.Rules;

/// <summary>What is kept of the attempts at an event that failed: the last <see cref="Limits.MaxFailures"/>, the oldest first.</summary>
internal static class FailureRecord
{
    /// <summary>The error of an attempt of which nothing was heard until its lease was over.</summary>
    public const string LeaseExpired = "lease expired";

    /// <summary>Adds an attempt.</summary>
    /// <param name="before">Those before it.</param>
    /// <param name="retries">The retries that were spent before it.</param>
    /// <param name="node">The node that made it.</param>
    /// <param name="error">What went wrong; it is cut to what is kept.</param>
    /// <param name="at">When it ended, in ms since 1970-01-01 UTC.</param>
    public static IReadOnlyList<AttemptFailure> With(this IReadOnlyList<AttemptFailure> before, int retries, string node, string error, long at) =>
        [.. before.TakeLast(Limits.MaxFailures - 1), new AttemptFailure(retries + 1, node, DateTimeOffset.FromUnixTimeMilliseconds(at), ErrorText.Clip(error))];

    /// <summary>Attempts that came from elsewhere, by the partition's clock.</summary>
    /// <param name="shown">As they are shown.</param>
    /// <param name="now">Now.</param>
    public static IReadOnlyList<AttemptFailure> KeptBy(this IReadOnlyList<AttemptFailure> shown, StoreTime now) =>
        now.Ahead == 0 ? shown : [.. shown.Select(failure => failure with { At = DateTimeOffset.FromUnixTimeMilliseconds(now.Unshow(failure.At)) })];

    /// <summary>Attempts that are kept by the partition's clock, as they are shown.</summary>
    /// <param name="kept">As they are kept.</param>
    /// <param name="now">Now.</param>
    public static IReadOnlyList<AttemptFailure> ShownBy(this IReadOnlyList<AttemptFailure> kept, StoreTime now) =>
        now.Ahead == 0 ? kept : [.. kept.Select(failure => failure with { At = now.Show(failure.At.ToUnixTimeMilliseconds()) })];
}
