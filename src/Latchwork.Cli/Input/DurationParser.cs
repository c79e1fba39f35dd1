using System.Buffers;
using System.Globalization;

namespace Latchwork.Cli.Input;

/// <summary>
/// Durations as people write them: a number and a unit (<c>250ms</c>, <c>2s</c>, <c>5m</c>, <c>1h</c>, <c>3d</c>), fractions (<c>1.5s</c>)
/// and sums of falling units (<c>1h30m</c>). A number without a unit is refused, for nobody knows what it means.
/// </summary>
internal static class DurationParser
{
    public const string Accepted = "write 250ms, 2s, 5m, 1h, 3d, or a sum such as 1h30m";

    private static readonly SearchValues<char> _number = SearchValues.Create("0123456789.");

    private static readonly (string Unit, long Ticks)[] _units =
    [
        ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("ms", TimeSpan.TicksPerMillisecond),
        ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond),
    ];

    /// <summary>Reads a duration between <paramref name="min"/> and <paramref name="max"/>, both allowed.</summary>
    /// <param name="text">The text.</param>
    /// <param name="min">The shortest.</param>
    /// <param name="max">The longest.</param>
    /// <param name="value">The duration.</param>
    /// <param name="error">What is wrong: continues "'--in' ".</param>
    /// <returns>Whether the text is such a duration.</returns>
    public static bool TryParse(string text, TimeSpan min, TimeSpan max, out TimeSpan value, out string? error)
    {
        value = default;
        if (!TryReadTicks(text, out decimal ticks))
        {
            error = $"is not a duration: '{text}' ({Accepted})";
            return false;
        }

        if (ticks < min.Ticks || ticks > max.Ticks)
        {
            error = $"must be between {Write(min)} and {Write(max)}; it is '{text}'";
            return false;
        }

        value = new TimeSpan((long)ticks);
        error = null;
        return true;
    }

    /// <summary>Writes a duration in the form that is read here, in its largest whole unit.</summary>
    public static string Write(TimeSpan value)
    {
        if (value == TimeSpan.Zero) return "0s";
        if (value.Ticks % TimeSpan.TicksPerDay == 0) return $"{value.Ticks / TimeSpan.TicksPerDay}d";
        if (value.Ticks % TimeSpan.TicksPerHour == 0) return $"{value.Ticks / TimeSpan.TicksPerHour}h";
        if (value.Ticks % TimeSpan.TicksPerMinute == 0) return $"{value.Ticks / TimeSpan.TicksPerMinute}m";
        if (value.Ticks % TimeSpan.TicksPerSecond == 0) return $"{value.Ticks / TimeSpan.TicksPerSecond}s";
        return string.Create(CultureInfo.InvariantCulture, $"{value.TotalMilliseconds:0.####}ms");
    }

    private static bool TryReadTicks(ReadOnlySpan<char> rest, out decimal ticks)
    {
        ticks = 0;
        bool negative = rest.StartsWith("-");
        if (negative) rest = rest[1..];
        if (rest.IsEmpty || rest.Length > 64) return false;
        long previous = long.MaxValue;
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(_number);
            if (digits < 1 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)) return false;
            rest = rest[digits..];
            int letters = rest.IndexOfAny(_number);
            ReadOnlySpan<char> unit = letters < 0 ? rest : rest[..letters];
            long size = SizeOf(unit);
            // Falling units only: "5m1h" is more likely a slip than a wish. The bound keeps the sum far from overflow.
            if (size == 0 || size >= previous || number > 1_000_000_000_000m) return false;
            ticks += number * size;
            previous = size;
            rest = rest[unit.Length..];
        }

        if (negative) ticks = -ticks;
        return true;
    }

    private static long SizeOf(ReadOnlySpan<char> unit)
    {
        foreach ((string name, long ticks) in _units)
        {
            if (unit.SequenceEqual(name)) return ticks;
        }

        return 0;
    }
}
