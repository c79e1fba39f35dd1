using Latchwork.Storage.Maintenance;

namespace Latchwork.Tools;

/// <summary>What the tools make of an exception: an exit code, and one line for people.</summary>
internal static class Failures
{
    /// <summary>Describes an exception that ended a command.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="cancellationToken">The token that asked the command to stop.</param>
    /// <returns>One of <see cref="ExitCodes"/>, and a message that is to be cleaned by <see cref="ErrorLine"/>.</returns>
    public static (int ExitCode, string Message) Describe(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        CliException e => (e.ExitCode, e.Message),
        MoveRefusedException e => (ExitCodes.Conflict, e.Message),
        LatchworkStoreException { Outcome: StoreOutcome.Unknown } e => (ExitCodes.Failure, $"{e.Message} (it may or may not have happened)"),
        LatchworkStoreException e => (ExitCodes.Failure, e.Message),
        ArgumentException e => (ExitCodes.BadInput, ArgumentFailures.MessageOf(e)),
        TimeoutException e => (ExitCodes.TimedOut, e.Message),
        OperationCanceledException or TimerBatchException { InnerException: OperationCanceledException } when cancellationToken.IsCancellationRequested => (ExitCodes.Interrupted, "interrupted"),
        IOException e => (ExitCodes.Failure, e.Message),
        Exception e => (ExitCodes.Failure, $"unexpected {e.GetType().Name}: {e.Message}"),
    };
}
