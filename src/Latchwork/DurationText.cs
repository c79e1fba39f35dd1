using System.Buffers;
using System.Globalization;

namespace Latchwork;

/// <summary>
/// Durations as people write them, in settings, addresses and on the command line: a number and a unit (<c>250ms</c>, <c>10s</c>, <c>5m</c>, <c>1h</c>,
/// <c>7d</c>), fractions (<c>1.5s</c>), sums of falling units (<c>1h30m</c>), and <c>hh:mm:ss</c> with days before (<c>7.00:00:00</c>) and fractions
/// of a second after it. A number without a unit is refused, for nobody knows what it means.
/// </summary>
internal static class DurationText
{
    /// <summary>What is accepted, for messages.</summary>
    public const string Examples = "250ms, 10s, 5m, 1h30m, 7d or 00:00:10";

    private const int MaxLength = 64;

    private static readonly string[] _clockFormats = [@"h\:mm\:ss", @"h\:mm\:ss\.FFFFFFF", @"d\.h\:mm\:ss", @"d\.h\:mm\:ss\.FFFFFFF"];

    private static readonly SearchValues<char> _number = SearchValues.Create("0123456789.");

    private static readonly (string Unit, long Ticks)[] _units =
    [
        ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("ms", TimeSpan.TicksPerMillisecond),
        ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond),
    ];

    /// <summary>Reads a duration, which may be negative.</summary>
    /// <returns>Whether the text is one, and not longer than about 29,000 years.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan value)
    {
        value = default;
        if (text.Length > MaxLength) return false;
        // All three: "10:00" would be hours and minutes, which not everybody means.
        if (text.Contains(':')) return TimeSpan.TryParseExact(text, _clockFormats, CultureInfo.InvariantCulture, out value);
        if (!TryReadTicks(text, out decimal ticks) || ticks > long.MaxValue || ticks < long.MinValue) return false;
        value = new TimeSpan((long)ticks);
        return true;
    }

    /// <summary>Writes a duration in a form that is read here, in its largest whole unit.</summary>
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
        if (rest.IsEmpty) return false;
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
