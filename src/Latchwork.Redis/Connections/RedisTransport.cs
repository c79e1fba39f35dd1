namespace Latchwork.Redis.Connections;

/// <summary>
/// Bytes to and from the server, with blocking calls: the connection has threads of its own and does not depend on the thread pool. One
/// thread receives while another sends.
/// </summary>
internal abstract class RedisTransport : IDisposable
{
    /// <summary>Whether something has arrived that was not received yet.</summary>
    public abstract bool HasData { get; }

    /// <summary>Receives what is there, or waits for something.</summary>
    /// <returns>The number of bytes: 0 when nothing came within the receive timeout.</returns>
    /// <exception cref="IOException">The connection broke, or the server closed it.</exception>
    public abstract int Receive(Span<byte> buffer);

    /// <summary>Sends everything, in one system call if the system takes it.</summary>
    /// <exception cref="IOException">The connection broke, or the system took nothing within the send timeout.</exception>
    public abstract void Send(ReadOnlySpan<byte> bytes);

    /// <summary>Sets how long <see cref="Receive"/> and <see cref="Send"/> wait.</summary>
    public abstract void SetTimeouts(TimeSpan receive, TimeSpan send);

    /// <summary>Whether this is the given transport, or goes over it.</summary>
    public virtual bool IsOver(RedisTransport other) => ReferenceEquals(this, other);

    /// <summary>Ends the connection; calls under way on other threads return at once.</summary>
    public abstract void Abort();

    /// <inheritdoc/>
    public abstract void Dispose();
}
