using System.CommandLine;
using System.CommandLine.Invocation;
using System.Text.Unicode;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;
using Latchwork.Storage.Moving;

namespace Latchwork.Cli;

/// <summary>The whole tool behind <c>Main</c>: parses, runs one command, and turns every failure into one line and an exit code.</summary>
internal static class CliApplication
{
    /// <summary>Runs one command line.</summary>
    /// <param name="args">The arguments, without the program's name.</param>
    /// <param name="terminal">The outside.</param>
    /// <param name="cancellationToken">Asks to stop gracefully.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        int exitCode;
        try
        {
            exitCode = await ParseAndRunAsync(args, terminal, cancellationToken).ConfigureAwait(false);
            await terminal.Out.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OutputFailedException e) when (e.IsBrokenPipe)
        {
            // 'upcoming | head': who reads has had enough, and wants no complaint.
            exitCode = ExitCodes.Failure;
        }
        catch (Exception e)
        {
            (exitCode, string message) = Describe(e, cancellationToken);
            await ReportAsync(terminal, message).ConfigureAwait(false);
        }

        return exitCode == ExitCodes.Interrupted ? 128 + terminal.StopSignal() : exitCode;
    }

    private static async Task<int> ParseAndRunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        Command root = LatchworkCommand.Create(terminal);
        // An id may begin with '@' (no response files), and '-ab' is never '-a -b'.
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args, configuration);
        if (parsed.Action is ParseErrorAction || parsed.Action is null) throw BadCommandLine(parsed);

        if (terminal.RawArguments is { } raw) CheckUtf8(parsed, args, raw);

        // Before anything is done: what cannot be told should not be claimed, posted or run.
        if (terminal.OutProblem is { } problem) throw new CliException(ExitCodes.Failure, $"standard output {problem}, so nothing was done; '>/dev/null' throws the output away");

        var invocation = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Program.cs handles the signals.
        };
        return await parsed.InvokeAsync(invocation, cancellationToken).ConfigureAwait(false);
    }

    // Only the command of 'once' may be given any bytes: ids, keys and paths would become others.
    private static void CheckUtf8(ParseResult parsed, string[] args, IReadOnlyList<byte[]> raw)
    {
        int end = parsed.CommandResult.Command.Name == OnceCommand.Name && Array.IndexOf(args, "--") is >= 0 and int dashes ? dashes : args.Length;
        for (int i = 0; i < end; i++)
        {
            if (!Utf8.IsValid(raw[i])) throw new CliException(ExitCodes.BadInput, $"the argument number {i + 1} is not valid UTF-8; only a command after 'once KEY --' may have such arguments");
        }
    }

    private static CliException BadCommandLine(ParseResult parsed)
    {
        string path = "";
        for (var at = parsed.CommandResult; at is not null; at = at.Parent as System.CommandLine.Parsing.CommandResult)
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

    private static (int ExitCode, string Message) Describe(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        CliException e => (e.ExitCode, e.Message),
        MoveRefusedException e => (ExitCodes.Conflict, e.Message),
        LatchworkStoreException { Outcome: StoreOutcome.Unknown } e => (ExitCodes.Failure, $"{e.Message} (it may or may not have happened)"),
        LatchworkStoreException e => (ExitCodes.Failure, e.Message),
        ArgumentException e => (ExitCodes.BadInput, WithoutParameterName(e)),
        TimeoutException e => (ExitCodes.TimedOut, e.Message),
        OperationCanceledException or TimerBatchException { InnerException: OperationCanceledException } when cancellationToken.IsCancellationRequested => (ExitCodes.Interrupted, "interrupted"),
        IOException e => (ExitCodes.Failure, e.Message),
        Exception e => (ExitCodes.Failure, $"unexpected {e.GetType().Name}: {e.Message}"),
    };

    private static string WithoutParameterName(ArgumentException exception)
    {
        string message = exception.Message;
        int newLine = message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        return newLine < 0 ? message : message[..newLine];
    }

    private static async Task ReportAsync(Terminal terminal, string message)
    {
        try
        {
            await terminal.Out.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // Nobody reads standard output any more. The message below still goes to standard error.
        }

        await terminal.Error.WriteLineAsync(ErrorLine.Format(message)).ConfigureAwait(false);
        await terminal.Error.FlushAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
