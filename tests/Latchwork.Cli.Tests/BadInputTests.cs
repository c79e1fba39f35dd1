using System.CommandLine;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>What is wrong with a command line is said in one line on standard error, with exit code 2.</summary>
public sealed class BadInputTests
{
    [Theory]
    [InlineData("timer", "say which: post, listen, peek")]
    [InlineData("timer pee x", "unknown command 'pee'")]
    [InlineData("foo", "unknown command 'foo'")]
    [InlineData("timer peek", "Required argument 'id' missing")]
    [InlineData("timer peek a b", "unknown argument 'b'")]
    [InlineData("timer stats --stor x", "unknown argument '--stor'")]
    [InlineData("timer stats", "this user has no home for latchwork.db: give --store sqlite:PATH or set LATCHWORK_STORE")]
    [InlineData("timer stats --store=", "Required argument missing for option: '--store'")]
    [InlineData("once k --store sqlite: -- true", "the address of the SQLite store names no file: write sqlite:PATH")]
    [InlineData("timer stats --store sqlite://folder/x.db", "names a host: write sqlite:PATH, or sqlite:///PATH")]
    [InlineData("timer stats --store sqlite::memory:", "the path must be a file, not ':memory:'")]
    [InlineData("timer stats --store secret", "the store's address is neither a URI nor a path: write sqlite:PATH, redis://host:port, postgres://host/database or memory:")]
    [InlineData("timer stats --store sqlite://secret/x", "names a host: write sqlite:PATH")]
    [InlineData("timer stats --store redis://:sum?secret=1@host", "percent-encode")]
    [InlineData("timer stats --store redis://:sum/secret@host", "percent-encode")]
    [InlineData("timer stats --store redis://:sum#secret@host", "percent-encode")]
    [InlineData("timer stats --store redis://host:secret", "percent-encode")]
    [InlineData("timer stats --store redis://host?password=a&secret=b", "the option number 2 is not known")]
    [InlineData("timer stats --store host:6379,password=a,secret=b", "the option number 3")]
    [InlineData("timer stats --store user:secret@host", "neither a server nor an option")]
    [InlineData("timer stats --store http://user:secret@host", "has the scheme 'http', which is not known")]
    [InlineData("timer stats --store memory: --namespace=", "Required argument missing for option: '--namespace'")]
    [InlineData("timer post", "'--in' or '--at' is needed")]
    [InlineData("timer post --in 1s --at 2030-01-01T00:00Z", "'--in' and '--at' exclude each other")]
    [InlineData("timer post --at 2030-01-01T00:00", "'--at' is not a date and time with its offset from UTC: '2030-01-01T00:00'")]
    [InlineData("timer post --at 1969-01-01T00:00Z", "'--at' must lie between the years 1970 and 2169; it is '1969-01-01T00:00Z'")]
    [InlineData("timer delay x", "a delay is needed, such as 10m (or '--at' with a time)")]
    [InlineData("timer delay x 1s --at 2030-01-01T00:00Z", "a delay and '--at' exclude each other")]
    [InlineData("timer stats --all --namespace x", "Give --all or --namespace, not both")]
    [InlineData("timer post --in 5", "'--in' is not a duration: '5'")]
    [InlineData("timer post --in -5s", "'--in' must be between 0s and 36500d; it is '-5s'")]
    [InlineData("timer post --in 36501d", "'--in' must be between 0s and 36500d; it is '36501d'")]
    [InlineData("timer post --in 1s --data {a", "'--data' is not valid JSON at byte 2")]
    [InlineData("timer post --in 1s --data 1 --data-file -", "'--data' and '--data-file' exclude each other")]
    [InlineData("timer post --in 1s --data-file /no/such/file", "there is no file '/no/such/file'")]
    [InlineData("timer post --in 1s --max-retries -1", "'--max-retries' must be a whole number between 0 and 1000000; it is '-1'")]
    [InlineData("timer post --in 1s --if-exists maybe", "'--if-exists' must be one of replace, fail, keep; it is 'maybe'")]
    [InlineData("timer post --in 1s --in 2s", "expects a single argument")]
    [InlineData("timer post --from - --id x", "'--from' excludes '--id'")]
    [InlineData("timer post --from /no/such/file", "there is no file '/no/such/file'")]
    [InlineData("timer delay x soon", "'delay' is not a duration: 'soon'")]
    [InlineData("timer confirm x", "'--token' is needed")]
    [InlineData("timer confirm x --token t --force", "exclude each other")]
    [InlineData("timer upcoming --limit 0", "'--limit' must be a whole number between 1 and")]
    [InlineData("timer dead-letters requeue", "say which: an id, '--reason', '--older-than' or '--all'")]
    [InlineData("timer dead-letters purge", "say which: '--id', '--reason', '--older-than' or '--all'")]
    [InlineData("timer dead-letters purge --id x --all", "excludes")]
    [InlineData("timer dead-letters list --reason boredom", "'--reason' must be one of retriesExhausted")]
    [InlineData("timer listen --count 0", "'--count' must be a whole number between 1 and")]
    [InlineData("timer listen --max-events 201", "'--max-events' must be a whole number between 1 and 200; it is '201'")]
    [InlineData("timer listen --lease 10ms", "'--lease' must be between 100ms and 1d; it is '10ms'")]
    [InlineData("timer listen --exec x --no-confirm", "exclude each other")]
    [InlineData("once", "Required argument 'key' missing")]
    [InlineData("once k", "say what to run: latchwork once KEY -- command args")]
    [InlineData("once k --", "say what to run: latchwork once KEY -- command args")]
    [InlineData("once k true", "unknown argument 'true'; the command comes after '--'")]
    [InlineData("once k --result 5m -- true", "unknown argument '--result'; the command comes after '--'")]
    [InlineData("once -- k true", "the key comes before '--', the command after it")]
    [InlineData("once k --result-for 5 -- true", "'--result-for' is not a duration: '5'")]
    [InlineData("once k --result-for -5s -- true", "'--result-for' must be between 0s and 36500d; it is '-5s'")]
    [InlineData("once k --wait 0s -- true", "'--wait' must be between 1ms and 36500d; it is '0s'")]
    [InlineData("once k --lease 10ms -- true", "'--lease' must be between 100ms and 36500d; it is '10ms'")]
    [InlineData("once k --lease 2h -- true", "'--lease' must not be longer than '--lock-timeout', 1h")]
    [InlineData("once k --lease 6s --lock-timeout 5s -- true", "'--lease' must not be longer than '--lock-timeout', 5s")]
    [InlineData("once k --max-output 1GB -- true", "'--max-output' is not a size: '1GB'")]
    [InlineData("once k --max-output 0 -- true", "'--max-output' must be between 1B and 64MiB; it is '0'")]
    [InlineData("once k --max-output 65MiB -- true", "'--max-output' must be between 1B and 64MiB; it is '65MiB'")]
    [InlineData("once k --json -- true", "'--json' is not for 'once'")]
    [InlineData("once k -- true", "give --store sqlite:PATH or set LATCHWORK_STORE")]
    [InlineData("lock", "say which: peek, list, stats, forget")]
    [InlineData("lock show", "Required argument 'key' missing")]
    [InlineData("lock list x", "unknown argument 'x'")]
    [InlineData("demo --namespace x", "'--namespace' is not for the demo")]
    [InlineData("demo --store memory:", "processes cannot share 'memory:'")]
    public async Task Is_named(string commandLine, string message)
    {
        CliResult result = await Tool.RunAsync(commandLine.Split(' '));
        result.ExitCode.ShouldBe(ExitCodes.BadInput, result.Error);
        result.Out.ShouldBeEmpty();
        result.Error.ShouldContain(message);
        result.Error.ShouldNotContain("secret");
        result.Error.Count(c => c == '\n').ShouldBe(1);
    }

    [Fact]
    public async Task Empty_and_long_ids_and_large_data_are_refused()
    {
        (await Tool.RunAsync("timer", "post", "--in", "1s", "--id", "")).Error.ShouldContain("'--id' must have 1 to 512 bytes of UTF-8; it has 0");
        (await Tool.RunAsync("timer", "peek", new string('x', 513))).Error.ShouldContain("it has 513");
        (await Tool.RunAsync("once", "", "--", "true")).Error.ShouldContain("'key' must have 1 to 512 bytes of UTF-8; it has 0");
        (await Tool.RunAsync("lock", "forget", new string('x', 513))).Error.ShouldContain("it has 513");
        (await Tool.RunAsync("timer", "post", "--in", "1s", "--data", $"\"{new string('x', 1 << 20)}\"")).Error.ShouldContain("at most 1048576 bytes; it has 1048578");
        CliResult file = await Tool.RunAsync(["--store", "memory:", "timer", "post", "--in", "1s", "--data-file", "-"], new string('x', (1 << 20) + 1));
        file.ExitCode.ShouldBe(ExitCodes.BadInput);
        file.Error.ShouldContain("'--data-file' must have at most 1048576 bytes");
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_a_failure_in_one_line()
    {
        CliResult result = await Tool.RunAsync("timer", "stats", "--store", "redis://user:secret@127.0.0.1:1");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Out.ShouldBeEmpty();
        result.Error.ShouldContain("127.0.0.1:1");
        result.Error.ShouldNotContain("secret");
        result.Error.Count(c => c == '\n').ShouldBe(1);
    }

    [Fact]
    public async Task The_store_comes_from_the_environment_and_options_stand_anywhere()
    {
        (await Tool.RunAsync(["timer", "stats"], "", store: "memory:")).ExitCode.ShouldBe(ExitCodes.Done);
        (await Tool.RunAsync(["--json", "timer", "--namespace", "a", "stats"], "", store: "memory:")).ReadJson().GetProperty("namespace").GetString().ShouldBe("a");
        (await Tool.RunAsync(["timer", "stats", "-n", "b", "--json"], "", store: "memory:")).ReadJson().GetProperty("namespace").GetString().ShouldBe("b");
    }

    [Fact]
    public async Task The_help_of_each_command_has_an_example_that_can_be_parsed()
    {
        Command root = Commands.LatchworkCommand.Create(new Terminal { Out = TextWriter.Null, Error = TextWriter.Null, In = Stream.Null, OutBytes = Stream.Null, ErrorBytes = Stream.Null });
        Command[] leaves = [.. Leaves(root).Where(command => !command.Hidden)];
        leaves.Length.ShouldBeGreaterThan(20);
        foreach (Command leaf in leaves)
        {
            string[] parts = (leaf.Description ?? "").Split("Example: latchwork ");
            parts.Length.ShouldBe(2, leaf.Name);
            string[] words = [.. System.CommandLine.Parsing.CommandLineParser.SplitCommandLine(parts[1].Replace("'{\"total\": 12}'", "12", StringComparison.Ordinal))];
            ParseResult parsed = root.Parse(words);
            parsed.Errors.ShouldBeEmpty(parts[1]);
            parsed.CommandResult.Command.ShouldBe(leaf);
        }

        (await Tool.RunAsync("timer", "post", "--help")).Out.ShouldContain("Example: latchwork timer post");
        static IEnumerable<Command> Leaves(Command command) => command.Subcommands.Count == 0 ? [command] : command.Subcommands.SelectMany(Leaves);
    }

    [Fact]
    public async Task Nothing_at_all_shows_the_help()
    {
        CliResult result = await Tool.RunAsync();
        result.ExitCode.ShouldBe(ExitCodes.Done);
        result.Out.ShouldContain("latchwork [command] [options]");
    }
}
