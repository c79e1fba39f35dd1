using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace Latchwork.Tests;

/// <summary>The rooms of the core: what may know of what, and where a public type is found.</summary>
public sealed partial class LayoutTests
{
    private static readonly string _root = Path.Combine(Root(), "src", "Latchwork");

    /// <summary>A room may use itself, what is in no room, and those that are named here.</summary>
    private static readonly Dictionary<string, string[]> _mayUse = new()
    {
        ["Model"] = [],
        ["Threading"] = [],
        ["Connecting"] = [],
        ["Configuration"] = [],
        ["Storage"] = ["Model", "Threading"],
        ["Diagnostics"] = ["Model", "Threading", "Storage"],
        ["Timers"] = ["Model", "Threading", "Configuration", "Storage", "Diagnostics"],
        ["Locking"] = ["Model", "Threading", "Configuration", "Storage", "Diagnostics"],
    };

    /// <summary>What stands before a type, and not before a name.</summary>
    private static readonly HashSet<string> _words =
    [
        "abstract", "and", "as", "async", "await", "case", "const", "else", "event", "in", "internal", "is", "new", "not", "or", "out", "override", "params", "private", "public",
        "readonly", "ref", "required", "return", "sealed", "static", "this", "throw", "using", "virtual", "when", "where",
    ];

    public static TheoryData<string> Rooms => [.. _mayUse.Keys];

    [Theory]
    [MemberData(nameof(Rooms))]
    public void A_room_knows_only_of_those_below_it(string room)
    {
        Dictionary<string, string> homes = Homes();
        homes.Values.ShouldContain(room);
        string[] wrong =
        [
            .. from file in Files(room)
               from name in Names(File.ReadAllText(file))
               let home = homes.GetValueOrDefault(name, "")
               where home.Length > 0 && home != room && !_mayUse[room].Contains(home)
               select $"{Path.GetRelativePath(_root, file)} uses {name} of {home}",
        ];
        wrong.Distinct().ShouldBeEmpty();
    }

    [Fact]
    public void What_a_listener_is_made_of_does_not_point_back_at_it() => Files("Timers")
        .Where(file => Names(File.ReadAllText(file)).Contains("Listener")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)
        .ShouldBe(["DistributedTimer.Listening.cs", "DistributedTimer.Receiving.cs", "Listener.cs", "Membership.cs"]);

    [Theory]
    [InlineData("Model")]
    [InlineData("Timers")]
    [InlineData("Locking")]
    public void A_public_type_is_in_a_file_of_its_name(string room)
    {
        string[] wrong =
        [
            .. from file in Files(room)
               from Match type in Declaration().Matches(File.ReadAllText(file))
               where type.Groups["access"].Value == "public" && Path.GetFileName(file).Split('.')[0] != type.Groups["name"].Value
               select $"{type.Groups["name"].Value} is in {Path.GetRelativePath(_root, file)}",
        ];
        wrong.ShouldBeEmpty();
    }

    /// <summary>Each type of a room, with that room; not those of no room, and not the name of a generic type that another one has as well.</summary>
    private static Dictionary<string, string> Homes() =>
        Directory.GetDirectories(_root).Select(folder => Path.GetFileName(folder)).Where(_mayUse.ContainsKey)
            .Concat(["Hosting"])
            .SelectMany(room => Files(room).SelectMany(file => Declaration().Matches(File.ReadAllText(file)).Select(type => (Name: type.Groups["name"].Value, Room: room))))
            .GroupBy(type => type.Name)
            .Where(types => types.Select(type => type.Room).Distinct().Count() == 1)
            .ToDictionary(types => types.Key, types => types.First().Room);

    private static string[] Files(string room) => Directory.GetFiles(Path.Combine(_root, room), "*.cs", SearchOption.AllDirectories);

    /// <summary>The names in a text that may be types: no members, which follow a point, no comments and no strings, and nothing that the text itself declares.</summary>
    private static IEnumerable<string> Names(string text)
    {
        string code = Ignored().Replace(text, " ");
        HashSet<string> own = [.. Own().Matches(code).Where(match => !_words.Contains(match.Groups[1].Value)).Select(match => match.Groups[2].Value)];
        return Identifier().Matches(code).Select(match => match.Groups[1].Value).Where(name => !own.Contains(name));
    }

    [GeneratedRegex("""^(?<access>public|internal) (?:[a-z]+ )*(?:record struct|record|class|struct|interface|enum) (?<name>[A-Z]\w*)""", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex("""//.*|"(?:[^"\\]|\\.)*"|^using .*""", RegexOptions.Multiline)]
    private static partial Regex Ignored();

    [GeneratedRegex("""(?<![\w.])([A-Z]\w*)""")]
    private static partial Regex Identifier();

    /// <summary>What stands behind a type is the name of a parameter, a property, a method or a nested type; so is what begins a line of an enumeration.</summary>
    [GeneratedRegex("""(?:([\w>\]?]+)[ ]+|^ +)([A-Z]\w*)(?=[ ]*(?:[,);={(<]|=>|$))""", RegexOptions.Multiline)]
    private static partial Regex Own();

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
