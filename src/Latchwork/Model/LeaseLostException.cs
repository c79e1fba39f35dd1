namespace Latchwork;

/// <summary>
/// A delivery was to be confirmed, or a result published, in a transaction of the application, but its lease is no longer this node's. Thrown so that the transaction is
/// rolled back: its effects must not be committed, as another node may have done the same work.
/// </summary>
public sealed class LeaseLostException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was lost.</param>
    /// <param name="innerException">The cause, if any.</param>
    public LeaseLostException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
