using System.CommandLine;
using System.Text.Unicode;
using Latchwork.Cli.Commands;

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
            (exitCode, string message) = Failures.Describe(e, cancellationToken);
            await ReportAsync(terminal, message).ConfigureAwait(false);
        }

        return exitCode == ExitCodes.Interrupted ? 128 + terminal.StopSignal() : exitCode;
    }

    private static async Task<int> ParseAndRunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        Command root = LatchworkCommand.Create(terminal);
        ParseResult parsed = CommandLine.Parse(root, args.Length == 0 ? ["--help"] : args);
        if (terminal.RawArguments is { } raw) CheckUtf8(parsed, args, raw);

        // Before anything is done: what cannot be told should not be claimed, posted or run.
        if (terminal.OutProblem is { } problem) throw new CliException(ExitCodes.Failure, $"standard output {problem}, so nothing was done; '>/dev/null' throws the output away");

        return await CommandLine.InvokeAsync(parsed, terminal.Out, terminal.Error, cancellationToken).ConfigureAwait(false);
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

        await terminal.Error.WriteLineAsync(ErrorLine.Format(LatchworkCommand.Name, message)).ConfigureAwait(false);
        await terminal.Error.FlushAsync(CancellationToken.None).ConfigureAwait(false);
    }
}
