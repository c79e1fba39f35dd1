namespace Latchwork.Api;

/// <summary>Values of enums as words of the API: the names of the library, with a small first letter.</summary>
internal static class Words
{
    public static string Of<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>Reads a word.</summary>
    /// <param name="word">The word; null if none was given.</param>
    /// <param name="argument">What errors call it.</param>
    /// <exception cref="ArgumentException">It is none of the words.</exception>
    public static T? Parse<T>(string? word, string argument)
        where T : struct, Enum
    {
        if (word is null) return null;
        foreach (T value in Enum.GetValues<T>())
        {
            if (Of(value).Equals(word, StringComparison.OrdinalIgnoreCase)) return value;
        }

        throw Read.Bad($"'{argument}' must be one of {string.Join(", ", Enum.GetValues<T>().Select(Of))}; it is '{word}'.", argument);
    }
}
