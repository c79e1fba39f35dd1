using System.Reflection;

namespace Latchwork.Redis.Scripts;

/// <summary>
/// Reads the Lua scripts, which are resources of this assembly, and puts in the fragments that they share. A line
/// <c>-- @include NAME</c> stands for the file <c>Parts/NAME.lua</c> beside the script or, if there is none, for the one that all folders
/// share; a fragment may include others.
/// </summary>
internal static class RedisScripts
{
    private const string Include = "-- @include ";
    private const string SharedParts = "Parts/";

    /// <summary>Loads a script.</summary>
    /// <param name="path">Its path below <c>Scripts</c>, without <c>.lua</c>: <c>Timers/Post</c>.</param>
    /// <returns>The script, with its fragments.</returns>
    /// <exception cref="InvalidOperationException">It or a fragment is missing, or a fragment includes itself.</exception>
    public static RedisScript Load(string path) => new(path, Resolve(path, Read));

    /// <summary>Puts in the fragments.</summary>
    /// <param name="path">The script's path.</param>
    /// <param name="read">Reads a file by its path; null if there is none.</param>
    /// <returns>The complete text.</returns>
    internal static string Resolve(string path, Func<string, string?> read)
    {
        var text = new StringBuilder();
        Append(text, path, path[..(path.LastIndexOf('/') + 1)] + SharedParts, read, []);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string path, string parts, Func<string, string?> read, Stack<string> open)
    {
        if (open.Contains(path)) throw new InvalidOperationException($"The script fragment '{path}' includes itself.");
        string source = read(path)
            ?? throw new InvalidOperationException(
                open.Count == 0 ? $"There is no script '{path}'." : $"There is no script fragment '{path}', which '{open.Peek()}' includes.");

        open.Push(path);
        foreach (ReadOnlySpan<char> line in source.AsSpan().TrimEnd('\n').EnumerateLines())
        {
            ReadOnlySpan<char> code = line.Trim();
            if (!code.StartsWith(Include, StringComparison.Ordinal))
            {
                text.Append(line).Append('\n');
                continue;
            }

            var name = code[Include.Length..].ToString();
            Append(text, read(parts + name) is null && read(SharedParts + name) is not null ? SharedParts + name : parts + name, parts, read, open);
        }

        open.Pop();
    }

    private static string? Read(string path)
    {
        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(path + ".lua");
        if (stream is null) return null;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
