using System.Reflection;
using System.Text.RegularExpressions;

namespace Latchwork.Redis.Scripts;

/// <summary>
/// Reads the Lua scripts, which are resources of this assembly, and puts in the fragments that they share. A line
/// <c>-- @include NAME</c> stands for the file <c>Parts/NAME.lua</c> beside the script or, if there is none, for the one that all folders
/// share; a fragment may include others.
/// </summary>
internal static partial class RedisScripts
{
    private const string SharedParts = "Parts/";

    /// <summary>Loads a script with its fragments.</summary>
    /// <param name="path">Its path below <c>Scripts</c>, without <c>.lua</c>: <c>Timers/Post</c>.</param>
    /// <exception cref="InvalidOperationException">It or a fragment is missing, or a fragment includes itself.</exception>
    public static RedisScript Load(string path) => new(path, Resolve(path, Read));

    /// <summary>Puts in the fragments; <paramref name="read"/> gives the text of a file, or null if there is none.</summary>
    internal static string Resolve(string path, Func<string, string?> read) => Resolve(path, path[..(path.LastIndexOf('/') + 1)] + SharedParts, read, []) + "\n";

    private static string Resolve(string path, string parts, Func<string, string?> read, string[] open)
    {
        if (open.Contains(path)) throw new InvalidOperationException($"The script fragment '{path}' includes itself.");
        string source = read(path) ?? throw new InvalidOperationException(
            open is [.., var by] ? $"There is no script fragment '{path}', which '{by}' includes." : $"There is no script '{path}'.");
        return Include().Replace(source.TrimEnd('\n'), include =>
        {
            string name = include.Groups[1].Value;
            bool isShared = read(parts + name) is null && read(SharedParts + name) is not null;
            return Resolve((isShared ? SharedParts : parts) + name, parts, read, [.. open, path]);
        });
    }

    private static string? Read(string path)
    {
        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(path + ".lua");
        return stream is null ? null : new StreamReader(stream, Encoding.UTF8).ReadToEnd();
    }

    [GeneratedRegex(@"^[ \t]*-- @include (\S+)[ \t]*$", RegexOptions.Multiline)]
    private static partial Regex Include();
}
