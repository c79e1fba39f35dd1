namespace Latchwork;

/// <summary>The work that a caller waited for has failed, in this process or another. Everybody who waited gets the same failure.</summary>
public sealed class RunFailedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="kind">What kind of failure.</param>
    /// <param name="message">What went wrong.</param>
    /// <param name="innerException">The original, if the work ran in this process.</param>
    public RunFailedException(string kind, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Kind = kind;
    }

    /// <summary>What kind of failure: what was given to <see cref="WorkLease.FailAsync(string, string, FailurePolicy?, CancellationToken)"/>, or the name of the exception's type.</summary>
    public string Kind { get; }
}
