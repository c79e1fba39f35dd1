namespace Latchwork;

/// <summary>
/// A delivery was to be confirmed in a transaction of its handler, but its lease is no longer this node's. Thrown so that the transaction is rolled
/// back: the effects of the handler must not be committed, as another node may have handled the event.
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
