using System.Globalization;

namespace Latchwork.Packages.Tests.Api;

/// <summary>A constant as C# writes it.</summary>
internal static class Literal
{
    public static string Of(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        char letter => $"'{letter}'",
        bool truth => truth ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>A default of a parameter: of a structure it is null in the metadata, and "default" in C#.</summary>
    public static string Of(object? value, Type type)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        if (value is null) return plain == type && (type.IsValueType || type.IsGenericParameter) ? "default" : "null";
        if (!plain.IsEnum) return Of(value);
        object member = Enum.ToObject(plain, value);
        return Enum.IsDefined(plain, member) ? $"{plain.Name}.{member}" : $"({plain.Name}){Of(value)}";
    }
}
