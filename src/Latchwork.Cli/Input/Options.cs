using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text;
using Latchwork.Cli.Output;
using Latchwork.Configuration;

namespace Latchwork.Cli.Input;

/// <summary>Makes options and arguments whose errors name the option, the limit and the value.</summary>
internal static class Options
{
    /// <summary>An option that is a duration.</summary>
    public static Option<TimeSpan?> Duration(string name, string description, TimeSpan min, TimeSpan max) => new(name)
    {
        Description = description,
        HelpName = "duration",
        CustomParser = result => ReadDuration(result, name, min, max),
    };

    /// <summary>A duration that becomes an option of an engine, with its range, and its default unless the description has another.</summary>
    public static Option<TimeSpan?> Duration<TOptions>(string name, string description, OptionSet<TOptions> set, string option)
        where TOptions : class
    {
        (RangedOption<TOptions, TimeSpan> declared, string? value) = set.Get<TimeSpan>(option);
        return Duration(name, WithDefault(description, value), declared.Min, declared.Max);
    }

    /// <summary>A whole number that becomes an option of an engine, with its range, and its default unless the description has another.</summary>
    public static Option<int?> Number<TOptions>(string name, string description, OptionSet<TOptions> set, string option)
        where TOptions : class
    {
        (RangedOption<TOptions, int> declared, string? value) = set.Get<int>(option);
        return Number(name, WithDefault(description, value), declared.Min, declared.Max);
    }

    /// <summary>An argument that is a duration.</summary>
    public static Argument<TimeSpan?> DurationArgument(string name, string description, TimeSpan min, TimeSpan max) => new(name)
    {
        Description = description,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => ReadDuration(result, name, min, max),
    };

    /// <summary>An option that is a moment.</summary>
    public static Option<DateTimeOffset?> Moment(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "time",
        CustomParser = result =>
        {
            if (MomentParser.TryParse(result.Tokens[0].Value, out DateTimeOffset value, out string? error)) return value;
            result.AddError($"'{name}' {error}");
            return null;
        },
    };

    /// <summary>An option that is a whole number.</summary>
    public static Option<int?> Number(string name, string description, int min, int max) => new(name)
    {
        Description = description,
        HelpName = "n",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max) return value;
            result.AddError($"'{name}' must be a whole number between {min} and {max}; it is '{text}'");
            return null;
        },
    };

    /// <summary>An option that is one of a few words.</summary>
    public static Option<T?> Word<T>(string name, string description, IReadOnlyDictionary<string, T> words)
        where T : struct => new(name)
        {
            Description = description,
            HelpName = string.Join('|', words.Keys),
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (words.TryGetValue(text, out T value)) return value;
                result.AddError($"'{name}' must be one of {string.Join(", ", words.Keys)}; it is '{text}'");
                return null;
            },
        };

    /// <summary>An option that is a JSON value; it is its bytes, as they were written.</summary>
    public static Option<byte[]?> Json(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "json",
        CustomParser = result =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes(result.Tokens[0].Value);
            if (bytes.Length > Limits.DefaultMaxPayloadBytes)
            {
                result.AddError($"'{name}' must have at most {Limits.DefaultMaxPayloadBytes} bytes; it has {bytes.Length}");
            }
            else if (PayloadJson.FindError(bytes) is { } error)
            {
                result.AddError($"'{name}' is {error} (text needs its quotes: {name} '\"text\"'; {name}-file takes any bytes)");
            }

            return bytes;
        },
    };

    /// <summary>An option that is a file to read, or <c>-</c> for standard input.</summary>
    public static Option<string?> InputFile(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "file",
        CustomParser = result =>
        {
            string path = result.Tokens[0].Value;
            if (path != "-" && !File.Exists(path)) result.AddError($"'{name}' cannot be read: there is no file '{path}'");
            return path;
        },
    };

    /// <summary>An option that is an id, a namespace or a node.</summary>
    public static Option<string?> Id(string name, string description, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        HelpName = "id",
        CustomParser = result => ReadId(result, name),
    };

    /// <summary>The argument that is a namespace.</summary>
    public static Argument<string> NamespaceArgument(string description) => new("namespace")
    {
        Description = description,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => ReadId(result, "namespace")!,
    };

    /// <summary>The argument that is a key.</summary>
    public static Argument<string> KeyArgument() => new("key")
    {
        Description = "The key: 1 to 512 bytes.",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => ReadId(result, "key")!,
    };

    /// <summary>An option that is a number of bytes.</summary>
    public static Option<int?> Size(string name, string description, int min, int max) => new(name)
    {
        Description = description,
        HelpName = "bytes",
        CustomParser = result =>
        {
            if (SizeParser.TryParse(result.Tokens[0].Value, min, max, out int value, out string? error)) return value;
            result.AddError($"'{name}' {error}");
            return null;
        },
    };

    /// <summary>The argument that is an event's id.</summary>
    public static Argument<string> IdArgument(bool required = true) => new("id")
    {
        Description = "The event's id.",
        Arity = required ? ArgumentArity.ExactlyOne : ArgumentArity.ZeroOrOne,
        CustomParser = result => ReadId(result, "id")!,
    };

    /// <summary>What is wrong with an id, or null: continues "'--id' ".</summary>
    public static string? FindIdError(string id) => Limits.FindTextError(id, 1, Limits.MaxIdBytes);

    private static string WithDefault(string description, string? value) =>
        value is null || description.Contains("Default: ", StringComparison.Ordinal) ? description : $"{description} Default: {value}.";

    private static string? ReadId(ArgumentResult result, string name)
    {
        string text = result.Tokens[0].Value;
        if (FindIdError(text) is not { } error) return text;
        result.AddError($"'{name}' {error}");
        return null;
    }

    /// <summary>What is wrong with a duration that must lie between two others, both allowed; null if nothing is: continues "'--in' ".</summary>
    public static string? FindDurationError(string text, TimeSpan min, TimeSpan max, out TimeSpan value)
    {
        if (!DurationText.TryParse(text, out value)) return $"is not a duration: '{text}' (write {DurationText.Examples})";
        return value < min || value > max ? $"must be between {DurationText.Write(min)} and {DurationText.Write(max)}; it is '{text}'" : null;
    }

    private static TimeSpan? ReadDuration(ArgumentResult result, string name, TimeSpan min, TimeSpan max)
    {
        if (FindDurationError(result.Tokens[0].Value, min, max, out TimeSpan value) is not { } error) return value;
        result.AddError($"'{name}' {error}");
        return null;
    }
}
