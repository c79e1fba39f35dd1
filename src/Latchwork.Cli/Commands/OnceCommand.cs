using System.CommandLine;
using System.CommandLine.Parsing;
using Latchwork.Cli.Input;
using Latchwork.Cli.Once;

namespace Latchwork.Cli.Commands;

/// <summary><c>once KEY -- command args…</c></summary>
internal sealed class OnceCommand
{
    public const string Name = "once";

    private const int DefaultMaxOutput = 1 << 20;
    private const int LargestMaxOutput = 64 << 20;

    private static readonly LockerOptions _defaults = new();

    private readonly Argument<string> _key = Options.KeyArgument();

    private readonly Argument<string[]> _words = new("command")
    {
        Description = "After '--': the program and its arguments. It gets no standard input.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<TimeSpan?> _resultFor = Options.Duration(
        "--result-for", "How long the result is given to those who come later; 0s: only to those who wait already.", LockerOptions.Set, nameof(LockerOptions.ResultTimeout));

    private readonly Option<TimeSpan?> _wait = Options.Duration(
        "--wait", "How long to wait for another node that runs it. Default: as --lock-timeout.", LockerOptions.Set, nameof(LockerOptions.WaitTimeout));

    private readonly Option<TimeSpan?> _lease = Options.Duration(
        "--lease", "After this time without a sign of life of the node that runs it, another takes over.", LockerOptions.Set, nameof(LockerOptions.LeaseDuration));

    private readonly Option<TimeSpan?> _lockTimeout = Options.Duration(
        "--lock-timeout", "The longest that the command may run; beyond it the lease is lost.", LockerOptions.Set, nameof(LockerOptions.LockTimeout));

    private readonly Option<bool> _retryFailures = new("--retry-failures")
    {
        Description = "If the command fails here, only this node gets the failure, and the next one who waits runs the command.",
    };

    private readonly Option<int?> _maxOutput = Options.Size(
        "--max-output", "The most output, of both kinds together; a command that prints more is stopped. Default: 1MiB.", 1, LargestMaxOutput);

    private OnceCommand()
    {
    }

    public static Command Create(CommandHost host)
    {
        var once = new OnceCommand();
        var command = new Command(
            Name,
            "Run a command on one of many machines; all print its output and exit with its code. Exit codes of latchwork itself, with a line that "
            + "begins with 'latchwork:': 1 failure, 2 bad input, 5 the wait timed out, 6 the lease was lost.")
        {
            once._key, once._words, once._resultFor, once._wait, once._lease, once._lockTimeout, once._retryFailures, once._maxOutput,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(host.Globals.Json)) result.AddError("'--json' is not for 'once': it prints what the command prints");
        });
        host.OnRun(command, (LockSession session, ParseResult parsed) => new OnceRunner(session, once.Read(parsed, session.Terminal)).RunAsync(), once.Configure);
        return command;
    }

    // Only what stands after '--' is the command: else a misspelt option of ours would become its first word.
    private void Configure(ParseResult parsed, LockerOptions options)
    {
        string[] words = parsed.GetValue(_words) ?? [];
        int marked = parsed.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash).Skip(1).Count();
        if (words.Length > marked) throw BadInput($"unknown argument '{words[0]}'; the command comes after '--'");
        if (words.Length < marked) throw BadInput("the key comes before '--', the command after it");
        if (words is [] or ["", ..]) throw BadInput("say what to run: latchwork once KEY -- command args");
        options.ResultTimeout = parsed.GetValue(_resultFor) ?? options.ResultTimeout;
        options.LockTimeout = parsed.GetValue(_lockTimeout) ?? options.LockTimeout;
        options.LeaseDuration = parsed.GetValue(_lease) ?? options.LeaseDuration;
        if (options.LeaseDuration > options.LockTimeout) throw BadInput($"'--lease' must not be longer than '--lock-timeout', {DurationText.Write(options.LockTimeout)}");
        options.MaxResultBytes = MaxOutput(parsed) + Once.CommandResult.HeaderBytes;
    }

    private OnceSettings Read(ParseResult parsed, Terminal terminal) => new()
    {
        Key = parsed.GetRequiredValue(_key),
        Words = parsed.GetRequiredValue(_words),
        RawWords = terminal.RawArguments?.TakeLast(parsed.GetRequiredValue(_words).Length).ToArray(),
        Wait = parsed.GetValue(_wait) ?? parsed.GetValue(_lockTimeout) ?? _defaults.LockTimeout,
        RetryFailures = parsed.GetValue(_retryFailures),
        MaxOutput = MaxOutput(parsed),
    };

    private int MaxOutput(ParseResult parsed) => parsed.GetValue(_maxOutput) ?? DefaultMaxOutput;

    private static CliException BadInput(string message) => new(ExitCodes.BadInput, $"{message}; see 'latchwork once --help'");
}
