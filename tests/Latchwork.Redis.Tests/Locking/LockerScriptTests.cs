using System.Reflection;
using System.Text.RegularExpressions;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Locking;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>The scripts as they stand in the assembly.</summary>
public sealed partial class LockerScriptTests
{
    private static readonly Assembly _assembly = typeof(RedisStore).Assembly;

    /// <summary>Those that do not work on one key alone; Import declares the mark of its move besides.</summary>
    private static readonly string[] _others =
    [
        nameof(LockerScripts.Open), nameof(LockerScripts.Scan), nameof(LockerScripts.Marks), nameof(LockerScripts.Namespaces), nameof(LockerScripts.Import), nameof(LockerScripts.Step),
        nameof(LockerScripts.Count),
    ];

    public static TheoryData<string> OfOneKey => [.. All().Select(property => property.Name).Except(_others)];

    [Fact]
    public void Every_script_and_every_part_is_in_use()
    {
        string[] files = Files("Locking/");
        HashSet<string> included = [.. files.SelectMany(file => IncludeLine().Matches(Read(file)).Select(match => match.Groups[1].Value))];
        string[] loaded = [.. All().Select(property => property.Name)];
        foreach (string file in files)
        {
            string name = Path.GetFileNameWithoutExtension(file);
            (file.Contains("Parts/", StringComparison.Ordinal) ? [.. included] : loaded).ShouldContain(name);
        }

        included.ShouldNotBeEmpty();
    }

    [Theory]
    [MemberData(nameof(OfOneKey))]
    public void A_script_of_one_key_says_what_it_takes_and_touches_nothing_else(string name)
    {
        string source = Read($"Locking/{name}.lua");
        source.ShouldContain("\n-- KEYS: lock, data, seal.\n");
        source.ShouldContain("\n-- ARGV: 1 time, 2 format");
        source.ShouldContain("\n-- Returns ");
        source.ShouldContain("\nlocal lock, data, seal = unpack(KEYS)\n");

        string code = LuaComment().Replace(((RedisScript)All().Single(property => property.Name == name).GetValue(null)!).Source, "");
        code.ShouldNotContain("KEYS[");
        foreach (Match call in RedisCall().Matches(code).Cast<Match>())
        {
            if (call.Groups[1].Value is not ("TIME" or "PUBLISH")) call.Groups[2].Value.ShouldBeOneOf("lock", "data", "key");
        }
    }

    private static string[] Files(string folder) =>
        [.. _assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal))];

    private static PropertyInfo[] All() => typeof(LockerScripts).GetProperties(BindingFlags.Public | BindingFlags.Static);

    private static string Read(string file)
    {
        using var reader = new StreamReader(_assembly.GetManifestResourceStream(file)!);
        return reader.ReadToEnd();
    }

    [GeneratedRegex("^ *-- @include (.+)$", RegexOptions.Multiline)]
    private static partial Regex IncludeLine();

    [GeneratedRegex("--[^\n]*")]
    private static partial Regex LuaComment();

    [GeneratedRegex(@"call\('([A-Z]+)'(?:, (\w+))?")]
    private static partial Regex RedisCall();
}
