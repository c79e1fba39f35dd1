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

    /// <summary>A duration of at most 24 days; see <see cref="DurationText"/>. A bare number is milliseconds, as it always was in connection strings.</summary>
    public static string? Time(string value, Action<TimeSpan> set)
    {
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        TimeSpan time = TimeSpan.FromMilliseconds(number);
        bool isTime = isNumber || DurationText.TryParse(value, out time);
        return Set(isTime && time >= TimeSpan.Zero && time.TotalMilliseconds <= int.MaxValue, time, set, $"is not a duration of at most 24 days, such as {DurationText.Examples}");
    }

    private static string? Set<T>(bool isRight, T value, Action<T> set, string problem)
    {
        if (!isRight) return problem;
        set(value);
        return null;
    }
}
