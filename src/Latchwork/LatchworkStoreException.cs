namespace Latchwork;

/// <summary>What is known of an operation that failed.</summary>
public enum StoreOutcome
{
    /// <summary>It did not happen and will not: it was refused, or it never left this process.</summary>
    NotApplied = 0,

    /// <summary>It may or may not have happened, or may happen yet: the connection broke, or time ran out, after it was sent.</summary>
    Unknown = 1,

    /// <summary>It happened, but fewer replicas than asked for have confirmed it in time: a failover now could lose it.</summary>
    NotReplicated = 2,
}

/// <summary>The store could not be asked, did not answer, or refused. <see cref="Outcome"/> says what that means for the operation.</summary>
public sealed class LatchworkStoreException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What went wrong, in words that help; never with a password.</param>
    /// <param name="outcome">What is known of the operation.</param>
    /// <param name="innerException">The cause, if any.</param>
    public LatchworkStoreException(string message, StoreOutcome outcome, Exception? innerException = null)
        : base(message, innerException)
    {
        Outcome = outcome;
    }

    /// <summary>Whether the operation happened, as far as it is known.</summary>
    public StoreOutcome Outcome { get; }

    /// <summary>Whether the same operation may succeed later without anybody changing anything: a broken connection, a server that is loading.</summary>
    public bool IsTransient { get; init; }
}
