using System.Globalization;

namespace Latchwork.Cli.Input;

/// <summary>Sizes as people write them: bytes, or a whole number of <c>KiB</c> or <c>MiB</c>.</summary>
internal static class SizeParser
{
    private static readonly (string Unit, int Bytes)[] _units = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];

    /// <summary>Reads a size between <paramref name="min"/> and <paramref name="max"/> bytes, both allowed.</summary>
    /// <param name="text">The text.</param>
    /// <param name="min">The smallest.</param>
    /// <param name="max">The largest.</param>
    /// <param name="bytes">The size.</param>
    /// <param name="error">What is wrong: continues "'--max-output' ".</param>
    /// <returns>Whether the text is such a size.</returns>
    public static bool TryParse(string text, int min, int max, out int bytes, out string? error)
    {
        bytes = 0;
        (string unit, int size) = Array.Find(_units, unit => text.EndsWith(unit.Unit, StringComparison.Ordinal));
        if (!int.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
        {
            error = $"is not a size: '{text}' (write a number of bytes, 64KiB or 1MiB)";
            return false;
        }

        long value = (long)number * size;
        if (value < min || value > max)
        {
            error = $"must be between {Write(min)} and {Write(max)}; it is '{text}'";
            return false;
        }

        bytes = (int)value;
        error = null;
        return true;
    }

    private static string Write(int bytes) =>
        bytes % (1 << 20) == 0 ? $"{bytes >> 20}MiB" : bytes % (1 << 10) == 0 ? $"{bytes >> 10}KiB" : $"{bytes}B";
}
