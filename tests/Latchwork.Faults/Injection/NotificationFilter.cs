using System.Buffers;

namespace Latchwork.Faults.Injection;

/// <summary>Follows what a server says, and leaves out the notifications when it is told to. Everything else passes unchanged.</summary>
public abstract class NotificationFilter
{
    /// <summary>Whether notifications are left out.</summary>
    public bool DropsNotifications { get; set; }

    /// <summary>How many notifications were left out.</summary>
    public long Dropped { get; protected set; }

    /// <summary>Passes a piece of the stream on.</summary>
    /// <param name="input">What the server said.</param>
    /// <param name="output">Where to put what passes.</param>
    public abstract void Pass(ReadOnlySpan<byte> input, ArrayBufferWriter<byte> output);
}
