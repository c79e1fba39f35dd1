using System.Reflection;
using System.Text.RegularExpressions;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Timers;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>The texts of the scripts: complete, consistent, and true to what they declare.</summary>
public sealed partial class ScriptSourceTests
{
    private static readonly Assembly _assembly = typeof(RedisScripts).Assembly;

    public static TheoryData<string> PartitionScripts =>
        [.. Properties().Where(property => property.PropertyType == typeof(TimerScript)).Select(property => property.Name)];

    [Fact]
    public void Every_script_and_every_function_of_a_library_is_in_use()
    {
        string[] loaded = [.. Properties().Select(property => property.Name)];
        foreach (string file in Files().Except(Libraries())) loaded.ShouldContain(Path.GetFileNameWithoutExtension(file));
        Files().Length.ShouldBeGreaterThan(30);

        string[] sources = [.. Properties().Select(property => property.GetValue(null)).Select(value => ((value as TimerScript)?.Script ?? (RedisScript)value!).Source)];
        foreach (string library in Libraries())
        {
            foreach (Match function in Function().Matches(Read(library))) sources.ShouldContain(source => source.Contains(function.Value, StringComparison.Ordinal), $"{library}: {function.Value}");
        }
    }

    [Theory]
    [InlineData(nameof(TimerScript.Post))]
    [InlineData(nameof(TimerScript.Claim))]
    [InlineData(nameof(TimerScript.Confirm))]
    public void Who_reads_a_post_a_claim_or_a_confirmation_opens_two_other_files_at_most(string name)
    {
        var opened = new HashSet<string>();
        Open($"Timers/{name}.lua");
        opened.Count.ShouldBeInRange(1, 2, string.Join(", ", opened));

        void Open(string file)
        {
            foreach (Match include in IncludeLine().Matches(Read(file)))
            {
                string[] found = [.. Files().Where(other => other.EndsWith($"/{include.Groups[1].Value}.lua", StringComparison.Ordinal))];
                if (opened.Add(found.ShouldHaveSingleItem())) Open(found[0]);
            }
        }
    }

    [Fact]
    public void Scripts_share_functions_and_constants_only_and_include_them_before_anything_else()
    {
        Libraries().Length.ShouldBeInRange(3, 6);
        foreach (string library in Libraries()) Should.NotThrow(() => new ScriptLibrary(library, Read(library)));
        foreach (string file in Files().Except(Libraries()))
        {
            // What a script declares before could be mistaken by a library for something of its own.
            string[] lines = [.. Read(file).Split('\n').SkipWhile(line => line.StartsWith("--", StringComparison.Ordinal)).Skip(1)];
            lines.SkipWhile(line => IncludeLine().IsMatch(line)).ShouldNotContain(line => IncludeLine().IsMatch(line), file);
        }
    }

    [Theory]
    [MemberData(nameof(PartitionScripts))]
    public void A_script_uses_something_of_each_library_that_it_includes(string name)
    {
        RedisScript script = Script(name).Script;
        foreach (Match include in IncludeLine().Matches(Read($"{script.Name}.lua")))
        {
            string library = Libraries().Single(file => file.EndsWith($"/{include.Groups[1].Value}.lua", StringComparison.Ordinal));
            Declaration().Matches(Read(library)).ShouldContain(declaration => script.Source.Contains(declaration.Value, StringComparison.Ordinal), library);
        }
    }

    [Theory]
    [MemberData(nameof(PartitionScripts))]
    public void Every_name_in_a_script_is_declared_before_it_is_used_and_no_name_of_a_library_again(string name)
    {
        // What is not declared is a global variable to Lua, which Redis refuses when the line is run, and only then.
        RedisScript script = Script(name).Script;
        string code = LuaText().Replace(LuaComment().Replace(script.Source, ""), "''");
        HashSet<string> known = [.. "KEYS ARGV redis struct cmsgpack bit math string table tonumber type unpack ipairs pairs pcall error".Split(' ')];
        known.UnionWith("and break do else elseif end false for function if in local nil not or repeat return then true until while".Split(' '));
        foreach (Match word in WordOrDeclaration().Matches(code))
        {
            string[] names = [.. Name().Matches(word.Groups["names"].Value).Select(match => match.Value)];
            if (names.Length > 0) known.UnionWith(names);
            else if (word.Groups["word"].Success) known.ShouldContain(word.Value, name);
        }

        string own = LuaComment().Replace(Read($"{script.Name}.lua"), "");
        HashSet<string> shared = [.. Libraries().SelectMany(library => Declaration().Matches(Read(library))).SelectMany(match => Name().Matches(match.Groups["names"].Value)).Select(match => match.Value)];
        foreach (Match declared in LocalAnywhere().Matches(own))
        {
            foreach (Match one in Name().Matches(declared.Groups["names"].Value)) shared.ShouldNotContain(one.Value, name);
        }
    }

    [Theory]
    [MemberData(nameof(PartitionScripts))]
    public void A_script_touches_the_keys_that_it_declares_and_no_others(string name)
    {
        TimerScript script = Script(name);
        string[] declared = [.. script.Keys.Select(TimerPartitionKeys.NameOf)];
        string code = LuaComment().Replace(script.Script.Source, "");
        Match[] calls = [.. RedisCall().Matches(code).Cast<Match>()];
        foreach (Match call in calls)
        {
            string command = call.Groups[1].Value;
            if (command is "TIME" or "PUBLISH") continue;
            string key = call.Groups[2].Value;
            if (key == "set") continue; // the functions of pages.lua are given one of the keys
            declared.ShouldContain(key, $"{command} in {name}");
        }

        CallOfAnyKind().Count(code).ShouldBe(calls.Length + 2, "a call that this test cannot read (two more make the alias)");
        foreach (string key in declared) Regex.Count(code, $@"\b{key}\b").ShouldBeGreaterThan(1, $"{name} declares '{key}' and does not use it");
        code.ShouldNotContain("KEYS[");
    }

    [Theory]
    [MemberData(nameof(PartitionScripts))]
    public void A_script_says_what_it_takes_and_returns(string name)
    {
        string source = Read($"{Script(name).Script.Name}.lua");
        string keys = string.Join(", ", Script(name).Keys.Select(TimerPartitionKeys.NameOf));
        source.ShouldStartWith("-- ");
        source.ShouldContain($"\n-- KEYS: {keys}.\n");
        source.ShouldContain("\n-- ARGV: 1 time, 2 format, 3 partitions");
        source.ShouldContain("\n-- Returns ");
    }

    [Theory]
    [MemberData(nameof(PartitionScripts))]
    public void A_script_that_frees_does_so_before_it_takes(string name)
    {
        // Redis refuses the first write of a script at its memory limit, unless that write takes no memory (see free in partition.lua).
        string code = WholeFunction().Replace(LuaComment().Replace(Read($"{Script(name).Script.Name}.lua"), ""), "");
        Match write = FirstWrite().Match(code);
        if (name is nameof(TimerScript.Post) or nameof(TimerScript.Open) or nameof(TimerScript.ImportEvents) or nameof(TimerScript.WriteEvents)) code.ShouldNotContain("free()");
        else if (write.Success) Free().Match(code).Index.ShouldBeInRange(1, write.Index);
    }

    [Fact]
    public void The_bounds_in_the_scripts_are_those_of_the_library()
    {
        Read("Timers/Claim.lua").ShouldContain($"bytes > {Limits.MaxBatchBytes} ");
        Read("Timers/Claim.lua").ShouldContain($"now - {Latchwork.Storage.ClaimRequest.BacklogAge}");
        Read("Timers/Library/pages.lua").ShouldContain($"bytes > {Limits.MaxBatchBytes})");
        Read("Timers/Library/events.lua").ShouldContain($"'LIMIT', 0, {Limits.MaxBatch})");
        Read("Timers/Claim.lua").ShouldContain($"{Limits.MaxBatch} - takenBack");
        Read("Timers/Library/events.lua").ShouldContain($"failures % {Limits.MaxFailures}");
        Read("Timers/Library/events.lua").ShouldContain($"failures - {Limits.MaxFailures}, 0");
        Read("Timers/Claim.lua").ShouldContain($"id) - {TimerCodec.BodyPrefix}");
        Read("Timers/Library/pages.lua").ShouldContain($"id) - {TimerCodec.BodyPrefix}");
    }

    private static string[] Files() => [.. _assembly.GetManifestResourceNames().Where(name => name.StartsWith("Timers/", StringComparison.Ordinal))];

    private static string[] Libraries() => [.. Files().Where(file => file.Contains("/Library/", StringComparison.Ordinal))];

    private static PropertyInfo[] Properties() => typeof(TimerScript).GetProperties(BindingFlags.Public | BindingFlags.Static);

    private static TimerScript Script(string name) =>
        (TimerScript)typeof(TimerScript).GetProperty(name, BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;

    private static string Read(string resource)
    {
        using Stream stream = _assembly.GetManifestResourceStream(resource)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"^\s*-- @include (\w+)$", RegexOptions.Multiline)]
    private static partial Regex IncludeLine();

    [GeneratedRegex(@"^local function \w+\(", RegexOptions.Multiline)]
    private static partial Regex Function();

    [GeneratedRegex(@"^local function .*?^end$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex WholeFunction();

    // Of a declaration the names; of a use the word, unless it is a field.
    [GeneratedRegex(@"\blocal function (?<names>\w+\([^)]*)|\bfunction\((?<names>[^)]*)|\blocal (?!function)(?<names>\w+(?:, \w+)*)|\bfor (?<names>\w+(?:, \w+)*)|(?<![\w.])(?<word>[A-Za-z_]\w*)|(?<=\.\.)(?<word>[A-Za-z_]\w*)")]
    private static partial Regex WordOrDeclaration();

    [GeneratedRegex(@"^local (?:function )?(?<names>\w+(?:, \w+)*)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"\blocal (?:function )?(?!function)(?<names>\w+(?:, \w+)*)")]
    private static partial Regex LocalAnywhere();

    [GeneratedRegex(@"[A-Za-z_]\w*")]
    private static partial Regex Name();

    [GeneratedRegex(@"'(?:\\.|[^'\\\n])*'")]
    private static partial Regex LuaText();

    [GeneratedRegex(@"\bfree\(\)|call\('HDEL', meta, ''\)")]
    private static partial Regex Free();

    [GeneratedRegex(@"--.*$", RegexOptions.Multiline)]
    private static partial Regex LuaComment();

    [GeneratedRegex(@"\bp?call\('([A-Z]+)'(?:, (\w+))?")]
    private static partial Regex RedisCall();

    // Not what guards a function of Lua.
    [GeneratedRegex(@"\bp?call\b(?!\(cmsgpack)")]
    private static partial Regex CallOfAnyKind();

    [GeneratedRegex(@"call\('(?:ZADD|ZREM|HSET|HDEL|HINCRBY)'")]
    private static partial Regex FirstWrite();
}
