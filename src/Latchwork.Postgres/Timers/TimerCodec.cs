using System.Buffers.Binary;
using System.Text;

namespace Latchwork.Postgres.Timers;

/// <summary>Due times and failures as they are stored.</summary>
internal static class TimerCodec
{
    private const int FailureHead = 14;

    /// <summary>A delay in µs, or an absolute time in µs as -1 - time. Rounded up, so that nothing is early.</summary>
    public static long Encode(Due due) => due.IsAbsolute ? -1 - Microseconds(due.Value) : Microseconds(due.Value);

    /// <summary>A span in µs, rounded up.</summary>
    public static long Microseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMicrosecond - 1) / TimeSpan.TicksPerMicrosecond;

    /// <summary>A failure as <c>timer_failure</c> makes it.</summary>
    public static byte[] Encode(AttemptFailure failure)
    {
        byte[] node = Utf8.Bytes(failure.NodeId), error = Utf8.Bytes(failure.Error);
        byte[] bytes = new byte[FailureHead + node.Length + error.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, failure.Attempt);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(4), failure.At.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(12), (short)node.Length);
        node.CopyTo(bytes, FailureHead);
        error.CopyTo(bytes, FailureHead + node.Length);
        return bytes;
    }

    public static IReadOnlyList<AttemptFailure> DecodeFailures(byte[][]? failures) => failures is null ? [] : [.. failures.Select(DecodeFailure)];

    private static AttemptFailure DecodeFailure(byte[] bytes)
    {
        int node = BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(12));
        return new AttemptFailure(
            BinaryPrimitives.ReadInt32BigEndian(bytes),
            Encoding.UTF8.GetString(bytes, FailureHead, node),
            DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(4))),
            Encoding.UTF8.GetString(bytes, FailureHead + node, bytes.Length - FailureHead - node));
    }
}
