using System.Globalization;
using System.Text.RegularExpressions;

namespace Latchwork.Cli.Input;

/// <summary>Moments as ISO 8601 writes them, with their offset from UTC. One without an offset is refused, for nobody knows in which zone it is meant.</summary>
internal static partial class MomentParser
{
    public const string Accepted = "write 2026-12-24T18:00:00Z or 2026-12-24T18:00+01:00";

    private static readonly string[] _formats = ["yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <summary>Reads a moment.</summary>
    /// <param name="text">The text.</param>
    /// <param name="value">The moment.</param>
    /// <param name="error">What is wrong: continues "'--at' ".</param>
    /// <returns>Whether the text is one.</returns>
    public static bool TryParse(string text, out DateTimeOffset value, out string? error)
    {
        value = default;
        if (!Offset().IsMatch(text) || !DateTimeOffset.TryParseExact(text, _formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out value))
            error = $"is not a date and time with its offset from UTC: '{text}' ({Accepted})";
        else if (value < DateTimeOffset.UnixEpoch || value > DateTimeOffset.UnixEpoch + 2 * Limits.MaxDelay)
            error = $"must lie between the years 1970 and 2169; it is '{text}'";
        else
            error = null;
        return error is null;
    }

    [GeneratedRegex(@"(Z|[+-]\d\d:\d\d)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Offset();
}
