using System.Text.RegularExpressions;

namespace Latchwork.Redis.Connections;

/// <summary>
/// A file of functions, constants and variables in Lua, of which a script gets what it uses: each call of a script makes all functions in it anew. Nothing
/// in such a file acts where it stands. Apart from comments and empty lines it has, at the beginning of a line,
/// <list type="bullet">
/// <item><c>local function NAME(…)</c>, down to a line <c>end</c>, with all lines between indented;</item>
/// <item><c>local NAME, NAME = value, value</c>, or without values, on one line and without a call.</item>
/// </list>
/// Anything else is refused, with the file and the line, when a script is loaded.
/// </summary>
internal sealed partial class ScriptLibrary
{
    private readonly List<Declaration> _declarations = [];
    private readonly string _path;

    /// <param name="path">The file, for errors.</param>
    /// <param name="source">Its text.</param>
    public ScriptLibrary(string path, string source)
    {
        _path = path;
        string[] lines = source.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length == 0 || lines[i].StartsWith("--", StringComparison.Ordinal)) continue;
            int first = i;
            Match function = FunctionLine().Match(lines[i]), variables = VariableLine().Match(lines[i]);
            if (function.Success)
            {
                do i++;
                while (i < lines.Length && (lines[i].Length == 0 || lines[i][0] == ' '));
                if (i == lines.Length || lines[i] != "end") throw Refuse(first, lines[first]);
                _declarations.Add(new([function.Groups[1].Value], string.Join('\n', lines[first..(i + 1)])));
            }
            else if (variables.Success && !Code(lines[i]).Contains('(', StringComparison.Ordinal))
            {
                _declarations.Add(new(variables.Groups[1].Value.Split(", "), lines[i]));
            }
            else
            {
                throw Refuse(i, lines[i]);
            }
        }
    }

    /// <summary>
    /// What a script uses of its libraries: what bears a name that is among its words, and what that uses in its turn. A word is taken for a name
    /// wherever it stands in the code, even as a field or as somebody's own variable: that makes a needless definition at worst, and misses none.
    /// </summary>
    /// <param name="script">The script without its libraries.</param>
    /// <param name="libraries">These, in the order in which they stand in it.</param>
    public static HashSet<Declaration> Reach(string script, IEnumerable<ScriptLibrary> libraries)
    {
        var all = new List<Declaration>();
        var indexes = new Dictionary<string, int>();
        foreach (ScriptLibrary library in libraries)
        {
            foreach (Declaration declaration in library._declarations)
            {
                if (declaration.Names.FirstOrDefault(name => !indexes.TryAdd(name, all.Count)) is { } twice)
                {
                    throw new InvalidOperationException($"'{twice}' in the script library '{library._path}' was declared before.");
                }

                all.Add(declaration);
            }
        }

        var reached = new HashSet<Declaration>();
        Follow(Words(script), null);
        return reached;

        void Follow(string[] words, int? by)
        {
            foreach (string word in words)
            {
                if (!indexes.TryGetValue(word, out int index)) continue;
                // Lua would take it for a global variable, and say so only when that line is run.
                if (index > by) throw new InvalidOperationException($"'{all[by.Value].Names[0]}' in a script library uses '{word}', which is declared after it.");
                if (reached.Add(all[index])) Follow(all[index].Words, index);
            }
        }
    }

    /// <summary>The text of what is reached of this library, in its order.</summary>
    public string Take(HashSet<Declaration> reached) => string.Join('\n', _declarations.Where(reached.Contains).Select(declaration => declaration.Text));

    /// <summary>The code without comments, and without what its texts say.</summary>
    private static string Code(string lua) => TextOrComment().Replace(lua, match => match.Value[0] == '-' ? "" : "''");

    private static string[] Words(string lua) => [.. Word().Matches(Code(lua)).Select(match => match.Value).Distinct()];

    private InvalidOperationException Refuse(int index, string line) =>
        new($"Line {index + 1} of the script library '{_path}' begins neither a function nor a constant: '{line}'.");

    [GeneratedRegex(@"^local function (\w+)\(")]
    private static partial Regex FunctionLine();

    [GeneratedRegex(@"^local (\w+(?:, \w+)*)(?: = .*| *(?:--.*)?)$")]
    private static partial Regex VariableLine();

    // Both at once, so that neither is found inside of the other.
    [GeneratedRegex(@"'(?:\\.|[^'\\\n])*'|""(?:\\.|[^""\\\n])*""|--.*")]
    private static partial Regex TextOrComment();

    [GeneratedRegex(@"[A-Za-z_]\w*")]
    private static partial Regex Word();

    /// <summary>A function, or a line of constants or variables.</summary>
    internal sealed class Declaration(string[] names, string text)
    {
        private string[]? _words;

        public string[] Names => names;
        public string Text => text;
        public string[] Words => _words ??= ScriptLibrary.Words(text);
    }
}
