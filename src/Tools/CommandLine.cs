using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace Latchwork.Tools;

/// <summary>How the tools read their command lines and run what these ask for.</summary>
internal static class CommandLine
{
    /// <summary>Reads a command line.</summary>
    /// <param name="root">The command that the tool is.</param>
    /// <param name="args">The arguments, without the program's name.</param>
    /// <returns>What is to be run.</returns>
    /// <exception cref="CliException">It is wrong; the message says what is, and where the help is.</exception>
    public static ParseResult Parse(Command root, string[] args)
    {
        // An id may begin with '@' (no response files), and '-ab' is never '-a -b'.
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        ParseResult parsed = root.Parse(args, configuration);
        return parsed.Action is ParseErrorAction or null ? throw Refusal(parsed) : parsed;
    }

    /// <summary>Runs it. Its exceptions are the caller's.</summary>
    public static Task<int> InvokeAsync(ParseResult parsed, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        var invocation = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Program.cs handles the signals.
        };
        return parsed.InvokeAsync(invocation, cancellationToken);
    }

    private static CliException Refusal(ParseResult parsed)
    {
        string path = "";
        for (CommandResult? at = parsed.CommandResult; at is not null; at = at.Parent as CommandResult)
        {
            path = path.Length == 0 ? at.Command.Name : $"{at.Command.Name} {path}";
        }

        Command command = parsed.CommandResult.Command;
        string commands = string.Join(", ", command.Subcommands.Select(c => c.Name));
        string reason = (parsed.UnmatchedTokens, commands) switch
        {
            ([], not "") => $"say which: {commands}",
            ([var unknown, ..], not "") => $"unknown command '{unknown}'; commands: {commands}",
            ([var unknown, ..], _) => $"unknown argument '{unknown}'",
            _ => parsed.Errors.Count > 0 ? parsed.Errors[0].Message.TrimEnd('.', ' ') : "nothing to do",
        };
        return new CliException(ExitCodes.BadInput, $"{reason}; see '{path} --help'");
    }
}
