using Latchwork.Threading;

namespace Latchwork.Server;

/// <summary>The whole tool behind <c>Main</c>: parses, serves, and turns every failure into one line and an exit code.</summary>
internal static class ServerApplication
{
    /// <summary>How long the end may take, all in all, once the tool is asked to stop: a service manager kills what takes longer.</summary>
    private static readonly TimeSpan _endTimeout = TimeSpan.FromSeconds(4.5);

    /// <summary>Runs one command line.</summary>
    /// <param name="args">The arguments, without the program's name.</param>
    /// <param name="user">The user.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    /// <param name="cancellationToken">Asks to stop.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, UserEnvironment user, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        try
        {
            System.CommandLine.Command command = ServerCommand.Create(user, (settings, stop) => ServeAsync(settings, output, error, stop));
            return await CommandLine.InvokeAsync(CommandLine.Parse(command, args), output, error, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Done; // stopped before it served
        }
        catch (Exception e)
        {
            (int exitCode, string message) = Failures.Describe(e, cancellationToken);
            await error.WriteLineAsync(ErrorLine.Format(ServerCommand.Name, message)).ConfigureAwait(false);
            return exitCode;
        }
    }

    private static async Task ServeAsync(ServerSettings settings, TextWriter output, TextWriter error, CancellationToken stop)
    {
        using var overdue = new CancellationTokenSource();
        using CancellationTokenRegistration stopping = stop.Register(() => overdue.CancelAfter(_endTimeout));
        Task serving = OpenAndServeAsync(settings, output, error, stop).Observed();
        try
        {
            await serving.WaitAsync(overdue.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (overdue.IsCancellationRequested && !serving.IsCompleted)
        {
            throw new CliException(ExitCodes.Failure, $"not all had ended {_endTimeout.TotalSeconds:0.#} s after the signal; the rest is cut off");
        }
    }

    private static async Task OpenAndServeAsync(ServerSettings settings, TextWriter output, TextWriter error, CancellationToken stop)
    {
        // What only reads makes and migrates neither a file nor a schema.
        LatchworkStore store = await StoreResolver.OpenAsync(settings.Store, mustExist: settings.IsReadOnly, stop).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            await WebServer.RunAsync(store, settings, output, error, stop).ConfigureAwait(false);
        }
    }
}
