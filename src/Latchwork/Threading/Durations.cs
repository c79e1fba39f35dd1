using System.Globalization;

namespace Latchwork;

/// <summary>Durations in messages.</summary>
internal static class Durations
{
    /// <summary>A duration as people write it: <c>1.5 s</c>, <c>250 ms</c>.</summary>
    public static string Text(TimeSpan time) => time.TotalSeconds >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.###} ms");
}
