using System.Reflection;
using System.Text.RegularExpressions;

namespace Latchwork.Redis.Connections;

/// <summary>
/// Reads the Lua scripts, which are resources of this assembly, and puts in what they share. A line <c>-- @include NAME</c> stands for the file
/// <c>Library/NAME.lua</c> or <c>Parts/NAME.lua</c> beside the script or, if there is none, for that in the nearest folder above. Of a library the script gets the
/// functions that it uses (see <see cref="ScriptLibrary"/>), once, behind those of the libraries that it stands on; a part is put in as it is.
/// </summary>
/// <param name="read">Gives the text of a file, or null if there is none.</param>
internal sealed partial class RedisScripts(Func<string, string?> read)
{
    private static readonly RedisScripts _resources = new(ReadResource);
    private readonly ConcurrentDictionary<string, ScriptLibrary> _libraries = new();

    /// <summary>Loads a script with what it includes: <c>Timers/Post</c>, for example. It throws if a file is missing, or includes itself.</summary>
    public static RedisScript Load(string path) => new(path, _resources.Resolve(path));

    /// <summary>The text of a script, with what it includes.</summary>
    internal string Resolve(string path)
    {
        var libraries = new List<string>();
        string script = Resolve(path, path, [], libraries);
        HashSet<ScriptLibrary.Declaration> reached = ScriptLibrary.Reach(script, libraries.Select(library => _libraries[library]));
        foreach (string library in libraries) script = script.Replace(Placeholder(library), _libraries[library].Take(reached), StringComparison.Ordinal);
        return script + "\n";
    }

    /// <summary>Puts in parts; instead of a library comes a line that names it.</summary>
    private string Resolve(string path, string script, string[] open, List<string> libraries)
    {
        if (open.Contains(path)) throw new InvalidOperationException($"The script file '{path}' includes itself.");
        string source = read(path) ?? throw new InvalidOperationException(
            open is [.., var by] ? $"There is no script file '{path}', which '{by}' includes." : $"There is no script '{path}'.");
        string Included(Match line) => Resolve(Find(line.Groups[1].Value, script), script, [.. open, path], libraries);
        if (!$"/{path}".Contains("/Library/", StringComparison.Ordinal)) return Include().Replace(source.TrimEnd('\n'), Included);

        if (libraries.Contains(path)) return "";
        string others = string.Concat(Include().Matches(source).Select(Included).Where(text => text.Length > 0).Select(text => text + "\n"));
        _libraries.GetOrAdd(path, static (path, source) => new ScriptLibrary(path, source), source);
        libraries.Add(path);
        return others + Placeholder(path);
    }

    private static string Placeholder(string library) => $"-- @library '{library}'";

    /// <summary>The nearest file of a name that may be included; if there is none, where it should be.</summary>
    private string Find(string name, string script)
    {
        string nearest = "";
        for (int end = script.LastIndexOf('/'); ; end = end <= 0 ? -1 : script.LastIndexOf('/', end - 1))
        {
            string folder = script[..(end + 1)];
            foreach (string path in new[] { $"{folder}Library/{name}", $"{folder}Parts/{name}" })
            {
                if (nearest.Length == 0) nearest = path;
                if (read(path) is not null) return path;
            }

            if (end < 0) return nearest;
        }
    }

    private static string? ReadResource(string path)
    {
        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(path + ".lua");
        return stream is null ? null : new StreamReader(stream, Encoding.UTF8).ReadToEnd();
    }

    [GeneratedRegex(@"^[ \t]*-- @include (\S+)[ \t]*$", RegexOptions.Multiline)]
    private static partial Regex Include();
}
