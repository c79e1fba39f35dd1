using Latchwork.Redis.Connections;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>How a script is put together.</summary>
public sealed class RedisScriptsTests
{
    private const string Library = """
        -- A library.
        local call = redis.call -- (a comment)
        local ONE, TWO = 1, '(2)'
        local state, fresh -- variables
        local changes = {}

        -- Adds.
        local function add(a, b)

          return a + b -- subtract
        end

        local function addTwo(n)
          return add(n, TWO)
        end

        local function subtract(a, b)
          return a - b
        end
        """;

    [Fact]
    public void Parts_are_put_in_where_they_are_included()
    {
        Resolve(("A/Main", "one\n  -- @include x\nfour\n"), ("A/Parts/x", "two\n-- @include y\n"), ("A/Parts/y", "three\n")).ShouldBe("one\ntwo\nthree\nfour\n");
    }

    [Fact]
    public void What_is_included_comes_from_the_folder_of_the_script_or_else_from_the_nearest_above()
    {
        var files = new Dictionary<string, string>
        {
            ["A/Main"] = "-- @include x\n-- @include y\n",
            ["A/B/Main"] = "-- @include z\n-- @include x\n-- @include y\nf()\n",
            ["A/B/Parts/z"] = "own\n-- @include x\n",
            ["A/Parts/x"] = "x of A\n",
            ["Parts/x"] = "shared x\n",
            ["Library/y"] = "local function f()\nend\n",
        };
        var scripts = new RedisScripts(files.GetValueOrDefault);
        scripts.Resolve("A/Main").ShouldBe("x of A\n\n");
        scripts.Resolve("A/B/Main").ShouldBe("own\nx of A\nx of A\nlocal function f()\nend\nf()\n");
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        Should.Throw<InvalidOperationException>(() => Resolve(("A/Main", "-- @include gone\n"))).Message.ShouldContain("A/Library/gone");
        Should.Throw<InvalidOperationException>(() => RedisScripts.Load("Timers/Nothing")).Message.ShouldContain("Timers/Nothing");
    }

    [Theory]
    [InlineData("Parts")]
    [InlineData("Library")]
    public void A_file_that_includes_itself_is_refused(string folder)
    {
        (string, string)[] files = [("A/Main", "-- @include x\n"), ($"A/{folder}/x", "-- @include y\n"), ($"A/{folder}/y", "-- @include x\n")];
        Should.Throw<InvalidOperationException>(() => Resolve(files)).Message.ShouldContain("includes itself");
    }

    [Fact]
    public void Of_a_library_a_script_gets_what_it_uses_and_what_that_uses()
    {
        Resolve(("Main", "first\n-- @include x\naddTwo(1)\n"), ("Library/x", Library)).ShouldBe("""
            first
            local ONE, TWO = 1, '(2)'
            local function add(a, b)

              return a + b -- subtract
            end
            local function addTwo(n)
              return add(n, TWO)
            end
            addTwo(1)

            """);
        Resolve(("Main", "-- @include x\nreturn #changes"), ("Library/x", Library)).ShouldBe("local changes = {}\nreturn #changes\n");
    }

    [Fact]
    public void A_name_in_a_comment_or_a_text_is_no_use_and_one_beside_dots_is()
    {
        Resolve(("Main", "-- @include x\ns = 'it\\'s addTwo' .. \"add -- \" -- subtract"), ("Library/x", Library)).ShouldNotContain("local");
        Resolve(("Main", "-- @include x\nreturn '--'..fresh"), ("Library/x", Library)).ShouldStartWith("local state, fresh");
    }

    [Fact]
    public void Libraries_stand_on_others_which_come_first_and_once()
    {
        Resolve(
            ("Main", "-- @include x\n-- @include y\n-- @include z\nreturn one(two())"),
            ("Library/x", "-- @include z\nlocal function one(n)\n  return n + zero\nend"),
            ("Library/y", "-- @include z\nlocal function two()\n  return one(zero)\nend"),
            ("Library/z", "local zero = 0"))
            .ShouldBe("local zero = 0\nlocal function one(n)\n  return n + zero\nend\nlocal function two()\n  return one(zero)\nend\n\nreturn one(two())\n");
    }

    [Theory]
    [InlineData(2, "call('DEL', KEYS[1])")]
    [InlineData(2, "if a then b() end")]
    [InlineData(2, "local time = call('TIME')")]
    [InlineData(3, "local a = {\n  1,\n}")]
    [InlineData(2, "a = 1")]
    [InlineData(2, "function a()\nend")]
    [InlineData(2, "local function a() return 1 end")]
    [InlineData(2, "local function a()\n  return 1")]
    [InlineData(2, "local function a()\nb()\nend")]
    [InlineData(2, "  local a")]
    [InlineData(3, "--[[\n  a()\n]]")]
    public void What_is_neither_a_function_nor_a_constant_in_a_library_is_refused_with_its_place(int line, string text)
    {
        string message = Should.Throw<InvalidOperationException>(() => Resolve(("Main", "-- @include x\n"), ("Library/x", $"local b\n{text}\n"))).Message;
        message.ShouldStartWith($"Line {line} of the script library 'Library/x' ");
    }

    [Fact]
    public void A_name_that_is_declared_twice_or_after_its_use_is_refused()
    {
        Should.Throw<InvalidOperationException>(() => Resolve(("Main", "-- @include x\n-- @include y\n"), ("Library/x", "local a, b\n"), ("Library/y", "local b\n")))
            .Message.ShouldBe("'b' in the script library 'Library/y' was declared before.");
        Should.Throw<InvalidOperationException>(() => Resolve(("Main", "-- @include x\na()"), ("Library/x", "local function a()\n  b()\nend\nlocal b\n")))
            .Message.ShouldBe("'a' in a script library uses 'b', which is declared after it.");
    }

    private static string Resolve(params (string Path, string Text)[] files) =>
        new RedisScripts(files.ToDictionary(file => file.Path, file => file.Text).GetValueOrDefault).Resolve(files[0].Path);
}
