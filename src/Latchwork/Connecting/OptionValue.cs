using System.Globalization;

namespace Latchwork.Connecting;

/// <summary>
/// Reads the options of connection strings by tables: what each name does with its value. What does it gives back what is wrong with the value, in
/// words that follow it, or null.
/// </summary>
internal static class OptionValue
{
    /// <summary>Reads an option, if it is one of the table.</summary>
    public static bool TryRead<T>(this Dictionary<string, Func<T, string, string?>> table, T target, string name, string value, List<string> problems)
    {
        if (!table.TryGetValue(name, out Func<T, string, string?>? read)) return false;
        if (read(target, value) is { } problem) problems.Add($"{name} '{value}' {problem}");
        return true;
    }

    public static string? Text(string value, Action<string> set) => Set(true, value, set, "");

    public static string? FileAt(string path, Action<string> set)
    {
        set(path);
        return File.Exists(path) ? null : "is no file that exists";
    }

    public static string? Number(string value, Action<int> set) =>
        Set(int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number), number, set, "is not a number");

    public static string? Flag(string value, Action<bool> set) => Set(bool.TryParse(value, out bool flag), flag, set, "is neither true nor false");

    /// <summary>One of an enumeration, by name.</summary>
    public static string? Choice<TEnum>(string value, Action<TEnum> set, string problem)
        where TEnum : struct, Enum =>
        Set(Enum.TryParse(value, ignoreCase: true, out TEnum one) && !int.TryParse(value, CultureInfo.InvariantCulture, out _), one, set, problem);

    /// <summary><c>250ms</c>, <c>5s</c>, <c>1m</c>, <c>1h</c>; a bare number is milliseconds.</summary>
    public static string? Time(string value, Action<TimeSpan> set)
    {
        int unit = value.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (unit < 0) unit = value.Length;
        double factor = value[unit..] switch { "" or "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, _ => double.NaN };
        bool isTime = int.TryParse(value[..unit], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number * factor <= int.MaxValue;
        return Set(isTime, TimeSpan.FromMilliseconds(isTime ? number * factor : 0), set, "is not a duration such as 250ms, 5s or 1m");
    }

    private static string? Set<T>(bool isRight, T value, Action<T> set, string problem)
    {
        if (!isRight) return problem;
        set(value);
        return null;
    }
}
