namespace Latchwork;

/// <summary>A wait for a key took longer than its wait timeout, or the work longer than the lock timeout.</summary>
public sealed class LockTimeoutException : TimeoutException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Which key, how long, and who holds it since when, as far as that is known.</param>
    public LockTimeoutException(string message)
        : base(message)
    {
    }
}
