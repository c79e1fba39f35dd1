namespace Latchwork.Configuration;

/// <summary>
/// One option of a class of options, declared once: its name, what it may be, and how a setting becomes it. Validation, settings, the command line and the
/// tests of the documentation go by it; its default is that of the property.
/// </summary>
/// <param name="name">The name of the property; of one in an object within the options both names, with a point between them.</param>
internal abstract class DeclaredOption<TOptions>(string name)
{
    public string Name { get; } = name;

    /// <summary>What it may be, in the words of the documentation; empty if that goes without saying.</summary>
    public abstract string Range { get; }

    /// <summary>Its value, in the words of the documentation.</summary>
    public abstract string Describe(TOptions options);

    /// <summary>What is wrong with its value, or null: begins with the name.</summary>
    public virtual string? FindError(TOptions options) => null;

    /// <summary>Sets it to the values that the configuration has: one, or several for a list.</summary>
    /// <returns>What a value must be, if one is none; else null.</returns>
    public abstract string? Read(TOptions options, string text);
}

/// <summary>An option that is a text.</summary>
internal sealed class TextOption<TOptions>(
    string name, string range, Func<TOptions, string?> get, Action<TOptions, string> set, Func<string, string?> findError, string whenNull) : DeclaredOption<TOptions>(name)
{
    public override string Range => range;

    public override string Describe(TOptions options) => get(options) ?? whenNull;

    public override string? FindError(TOptions options) => get(options) is { } text
        ? findError(text) is { } error ? $"'{Name}' {error}" : null
        : whenNull.Length == 0 ? $"'{Name}' must not be null" : null;

    public override string? Read(TOptions options, string text)
    {
        set(options, text);
        return null;
    }
}

/// <summary>An option that is one of an enumeration, by name.</summary>
internal sealed class ChoiceOption<TOptions, TEnum>(string name, Func<TOptions, TEnum?> get, Action<TOptions, TEnum> set) : DeclaredOption<TOptions>(name)
    where TEnum : struct, Enum
{
    private static readonly string _names = string.Join(", ", Enum.GetNames<TEnum>());

    public override string Range => _names;

    public override string Describe(TOptions options) => get(options).ToString() ?? "";

    public override string? FindError(TOptions options) =>
        get(options) is { } value && !Enum.IsDefined(value) ? $"'{Name}' must be one of {_names}; it is {value}" : null;

    public override string? Read(TOptions options, string text)
    {
        bool isName = Enum.TryParse(text, ignoreCase: true, out TEnum value) && Enum.IsDefined(value) && !char.IsAsciiDigit(text[0]) && text[0] != '-';
        if (isName) set(options, value);
        return isName ? null : $"one of {_names}";
    }
}

/// <summary>An option that is true or false.</summary>
internal sealed class FlagOption<TOptions>(string name, Func<TOptions, bool> get, Action<TOptions, bool> set) : DeclaredOption<TOptions>(name)
{
    public override string Range => "true, false";

    public override string Describe(TOptions options) => get(options) ? "true" : "false";

    public override string? Read(TOptions options, string text)
    {
        bool isFlag = bool.TryParse(text, out bool value);
        if (isFlag) set(options, value);
        return isFlag ? null : "true or false";
    }
}

/// <summary>An option that must not be null, and is no setting.</summary>
internal sealed class RequiredOption<TOptions>(string name, Func<TOptions, object?> get) : DeclaredOption<TOptions>(name)
{
    public override string Range => "";

    public override string Describe(TOptions options) => "";

    public override string? FindError(TOptions options) => get(options) is null ? $"'{Name}' must not be null" : null;

    public override string? Read(TOptions options, string text) => throw new NotSupportedException($"'{Name}' is no setting.");
}

/// <summary>An option that is a list of texts.</summary>
internal sealed class ListOption<TOptions>(string name, Func<TOptions, ICollection<string>> get) : DeclaredOption<TOptions>(name)
{
    public override string Range => "";

    public override string Describe(TOptions options) => get(options).Count == 0 ? "none" : string.Join(", ", get(options));

    public override string? Read(TOptions options, string text)
    {
        get(options).Add(text);
        return null;
    }
}
