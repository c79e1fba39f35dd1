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
    public void Fragments_are_put_in_where_they_are_included()
    {
        var files = new Dictionary<string, string>
        {
            ["A/Main"] = "one\n  -- @include x\nfour\n",
            ["A/Parts/x"] = "two\n-- @include y\n",
            ["A/Parts/y"] = "three\n",
        };
        RedisScripts.Resolve("A/Main", files.GetValueOrDefault).ShouldBe("one\ntwo\nthree\nfour\n");
    }

    [Fact]
    public void A_missing_script_or_fragment_is_named()
    {
        var files = new Dictionary<string, string> { ["A/Main"] = "-- @include gone\n" };
        Should.Throw<InvalidOperationException>(() => RedisScripts.Resolve("A/Main", files.GetValueOrDefault)).Message.ShouldContain("A/Parts/gone");
        Should.Throw<InvalidOperationException>(() => RedisScripts.Resolve("A/Other", files.GetValueOrDefault)).Message.ShouldContain("A/Other");
        Should.Throw<InvalidOperationException>(() => RedisScripts.Load("Timers/Nothing")).Message.ShouldContain("Timers/Nothing");
    }

    [Fact]
    public void A_fragment_that_includes_itself_is_refused()
    {
        var files = new Dictionary<string, string>
        {
            ["A/Main"] = "-- @include x\n",
            ["A/Parts/x"] = "-- @include y\n",
            ["A/Parts/y"] = "-- @include x\n",
        };
        Should.Throw<InvalidOperationException>(() => RedisScripts.Resolve("A/Main", files.GetValueOrDefault)).Message.ShouldContain("includes itself");
    }

    [Fact]
    public void Every_script_and_every_fragment_is_in_use()
    {
        string[] files = [.. _assembly.GetManifestResourceNames().Where(name => name.StartsWith("Timers/", StringComparison.Ordinal))];
        HashSet<string> included = [.. files.SelectMany(name => IncludeLine().Matches(Read(name)).Cast<Match>().Select(match => match.Groups[1].Value))];
        string[] loaded = [.. Properties().Select(property => property.Name)];
        foreach (string file in files)
        {
            string name = Path.GetFileNameWithoutExtension(file);
            (file.Contains("/Parts/", StringComparison.Ordinal) ? included : [.. loaded]).ShouldContain(name);
        }

        files.Length.ShouldBeGreaterThan(30);
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
            if (key == "set") continue; // page.lua is given one of the keys
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
        string code = LuaComment().Replace(Read($"{Script(name).Script.Name}.lua"), "");
        Match write = FirstWrite().Match(code);
        if (name is nameof(TimerScript.Post) or nameof(TimerScript.Open) or nameof(TimerScript.ImportEvents) or nameof(TimerScript.WriteEvents)) code.ShouldNotContain("free()");
        else if (write.Success) Free().Match(code).Index.ShouldBeInRange(1, write.Index);
    }

    [Fact]
    public void Fragments_are_functions_that_are_included_where_a_script_begins_but_for_the_clock_that_not_every_confirmation_asks()
    {
        string[] within = [.. _assembly.GetManifestResourceNames().SelectMany(name => IncludeWithin().Matches(Read(name)).Select(include => $"{name} {include.Groups[1].Value}"))];
        within.ShouldBe(["Timers/Confirm.lua clock"]);
    }

    [Fact]
    public void The_bounds_in_the_scripts_are_those_of_the_library()
    {
        Read("Timers/Parts/take.lua").ShouldContain($"bytes > {Limits.MaxBatchBytes} ");
        Read("Timers/Parts/take.lua").ShouldContain($"now - {Latchwork.Storage.ClaimRequest.BacklogAge}");
        Read("Timers/Parts/page.lua").ShouldContain($"bytes > {Limits.MaxBatchBytes})");
        Read("Timers/Parts/expire.lua").ShouldContain($"'LIMIT', 0, {Limits.MaxBatch})");
        Read("Timers/Claim.lua").ShouldContain($"{Limits.MaxBatch} - takenBack");
        Read("Timers/Parts/past.lua").ShouldContain($"failures % {Limits.MaxFailures}");
        Read("Timers/Parts/recall.lua").ShouldContain($"failures - {Limits.MaxFailures}, 0");
        Read("Timers/Parts/take.lua").ShouldContain($"id) - {TimerCodec.BodyPrefix}");
        Read("Timers/Parts/page.lua").ShouldContain($"id) - {TimerCodec.BodyPrefix}");
    }

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

    [GeneratedRegex(@"^[ \t]+-- @include (\w+)$", RegexOptions.Multiline)]
    private static partial Regex IncludeWithin();

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
