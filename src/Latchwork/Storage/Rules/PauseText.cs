using System.Globalization;

namespace Latchwork.Storage.Rules;

/// <summary>A pause as stores keep it: since when in ms, the length of who did it in UTF-16 units, who, and why; with a space after each of the first two.</summary>
internal static class PauseText
{
    public static string Write(TimerPause pause) =>
        string.Create(CultureInfo.InvariantCulture, $"{pause.Since.ToUnixTimeMilliseconds()} {WriteRest(pause.By, pause.Reason)}");

    /// <summary>What follows since when: that is the affair of the store's clock.</summary>
    public static string WriteRest(string by, string reason) => string.Create(CultureInfo.InvariantCulture, $"{by.Length} {by}{reason}");

    /// <summary>Reads a pause; null or empty is none. What another version or another hand wrote is a pause as well, with all of it as its reason.</summary>
    public static TimerPause? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        string[] parts = text.Split(' ', 3);
        return parts.Length == 3
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long since) && since <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= parts[2].Length
            ? new TimerPause(parts[2][..length], DateTimeOffset.FromUnixTimeMilliseconds(since), parts[2][length..])
            : new TimerPause("", DateTimeOffset.UnixEpoch, text);
    }

    /// <summary>The pause that a request makes.</summary>
    /// <param name="request">The request.</param>
    /// <param name="now">Now: the pause is shown, so it is by the machine's clock.</param>
    public static TimerPause ToPause(this PauseRequest request, StoreTime now) =>
        new(request.By, DateTimeOffset.FromUnixTimeMilliseconds((request.Since?.ToUnixTimeMilliseconds()) ?? now.RawMilliseconds), request.Reason);
}
