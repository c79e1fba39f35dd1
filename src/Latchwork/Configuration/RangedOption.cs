using System.Globalization;

namespace Latchwork.Configuration;

/// <summary>An option that lies between two values, both allowed.</summary>
internal sealed class RangedOption<TOptions, T>(
    string name, ValueKind<T> kind, Bound<TOptions, T> min, Bound<TOptions, T> max, Func<TOptions, T?> get, Action<TOptions, T> set, bool orZero, string whenNull)
    : DeclaredOption<TOptions>(name)
    where T : struct, IComparable<T>
{
    public T Min => min.Value;

    public T Max => max.Value;

    public override string Range => max.Value is long.MaxValue
        ? $"{kind.Describe(min.Value)} or more"
        : $"{(orZero ? "zero, or " : "")}{min.Name ?? kind.Describe(min.Value)} to {max.Name ?? kind.Describe(max.Value)}";

    public override string Describe(TOptions options) => get(options) is { } value ? kind.Describe(value) : whenNull;

    /// <summary>Its value, as it is written in settings and on the command line; null if there is none.</summary>
    public string? Write(TOptions options) => get(options) is { } value ? kind.Write(value) : null;

    public override string? FindError(TOptions options)
    {
        if (get(options) is not { } value || (orZero && value.CompareTo(default) == 0)) return null;
        // NaN is less than everything.
        if (value.CompareTo(min.Of(options)) >= 0 && value.CompareTo(max.Of(options)) <= 0) return null;
        return $"'{Name}' must be {(orZero ? "zero, or " : "")}between {Write(min, options)} and {Write(max, options)}; it is {kind.Write(value)}";
    }

    public override string? Read(TOptions options, string text)
    {
        bool isValue = kind.TryParse(text, out T value);
        if (isValue) set(options, value);
        return isValue ? null : kind.Name;
    }

    private string Write(Bound<TOptions, T> bound, TOptions options) =>
        bound.Name is null ? kind.Write(bound.Value) : $"'{bound.Name}' ({kind.Write(bound.Of(options))})";
}

/// <summary>The end of a range: a value, or another option.</summary>
/// <param name="Value">The value; of another option the one that lies furthest out.</param>
/// <param name="Name">The other option; null if it is none.</param>
/// <param name="Other">Gets its value.</param>
internal readonly record struct Bound<TOptions, T>(T Value, string? Name = null, Func<TOptions, T>? Other = null)
    where T : struct
{
    public static implicit operator Bound<TOptions, T>(T value) => new(value);

    public T Of(TOptions options) => Other is null ? Value : Other(options);
}

/// <summary>A kind of value: how it is read and written.</summary>
/// <param name="Name">What it is called when a text is none.</param>
/// <param name="TryParse">Reads it.</param>
/// <param name="Write">Writes it as settings, the command line and messages have it.</param>
/// <param name="Describe">Writes it as the documentation has it.</param>
internal sealed record ValueKind<T>(string Name, TryParse<T> TryParse, Func<T, string> Write, Func<T, string> Describe);

internal delegate bool TryParse<T>(string text, out T value);

/// <summary>The kinds of values that options have.</summary>
internal static class ValueKinds
{
    public static readonly ValueKind<int> Number = new(
        "a whole number",
        static (string text, out int value) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value),
        static value => value.ToString(CultureInfo.InvariantCulture),
        static value => value.ToString("#,0", CultureInfo.InvariantCulture));

    public static readonly ValueKind<long> LongNumber = new(
        Number.Name,
        static (string text, out long value) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value),
        static value => value.ToString(CultureInfo.InvariantCulture),
        static value => value.ToString("#,0", CultureInfo.InvariantCulture));

    public static readonly ValueKind<int> Bytes = Number with { Describe = static value => DescribeBytes(value) };

    public static readonly ValueKind<long> LongBytes = LongNumber with { Describe = DescribeBytes };

    public static readonly ValueKind<double> Real = new(
        "a number",
        static (string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value),
        static value => value.ToString(CultureInfo.InvariantCulture),
        static value => value.ToString(CultureInfo.InvariantCulture));

    public static readonly ValueKind<TimeSpan> Duration = new(
        $"a duration such as {DurationText.Examples}",
        static (string text, out TimeSpan value) => DurationText.TryParse(text, out value),
        DurationText.Write,
        DescribeDuration);

    private static string DescribeBytes(long value)
    {
        (int shift, string unit) = value switch { >= 1 << 30 => (30, " GiB"), >= 1 << 20 => (20, " MiB"), _ => (0, "") };
        return string.Create(CultureInfo.InvariantCulture, $"{value >> shift}{unit}");
    }

    private static string DescribeDuration(TimeSpan value)
    {
        TimeSpan year = TimeSpan.FromDays(365), day = TimeSpan.FromDays(1), minute = TimeSpan.FromMinutes(1), second = TimeSpan.FromSeconds(1);
        if (value == TimeSpan.Zero) return "zero";
        (double number, string unit) = value switch
        {
            _ when value.Ticks % year.Ticks == 0 => (value / year, "years"),
            _ when value == day => (1, "day"),
            _ when value.Ticks % day.Ticks == 0 => (value / day, "days"),
            _ when value.Ticks % minute.Ticks == 0 => (value / minute, "min"),
            _ when value.Ticks % second.Ticks == 0 => (value / second, "s"),
            _ => (value.TotalMilliseconds, "ms"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{number} {unit}");
    }
}
