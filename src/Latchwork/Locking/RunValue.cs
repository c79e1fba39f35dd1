using System.Text;
using Latchwork.Diagnostics;
using Latchwork.Storage;

namespace Latchwork.Locking;

/// <summary>What a run ends with, as it is stored. This is the only place that knows what the bytes of a failure look like.</summary>
/// <param name="Kind">What the bytes are.</param>
/// <param name="Data">The bytes. Of a failure: its kind, a line feed, its message, in UTF-8.</param>
/// <param name="IsBorrowed">Whether the bytes are a user's, who may write over them once the call has returned.</param>
internal readonly record struct RunValue(LockerOutcomeKind Kind, ReadOnlyMemory<byte> Data, bool IsBorrowed = false)
{
    private const byte Separator = (byte)'\n';

    public static RunValue Null { get; } = new(LockerOutcomeKind.Null, ReadOnlyMemory<byte>.Empty);

    /// <summary>Bytes of a user.</summary>
    public static RunValue Of(ReadOnlyMemory<byte> bytes) => new(LockerOutcomeKind.Value, bytes, IsBorrowed: true);

    /// <summary>Bytes that nobody else has.</summary>
    public static RunValue OfOwn(byte[] bytes) => new(LockerOutcomeKind.Value, bytes);

    public static RunValue Failure(string kind, string message)
    {
        byte[] data = [.. Encoding.UTF8.GetBytes(kind.Replace('\n', ' ')), Separator, .. Cut(Encoding.UTF8.GetBytes(message), Limits.MaxErrorBytes)];
        return new RunValue(LockerOutcomeKind.Failure, data);
    }

    public static RunValue Failure(Exception exception) =>
        exception is RunFailedException failed ? Failure(failed.Kind, failed.Message) : Failure(exception.GetType().Name, Listeners.MessageOf(exception));

    public static RunFailedException ReadFailure(ReadOnlySpan<byte> data, Exception? original)
    {
        int end = data.IndexOf(Separator);
        return end < 0
            ? new RunFailedException("Unknown", Encoding.UTF8.GetString(data), original)
            : new RunFailedException(Encoding.UTF8.GetString(data[..end]), Encoding.UTF8.GetString(data[(end + 1)..]), original);
    }

    /// <summary>Cuts UTF-8 to a length, before a character that does not fit.</summary>
    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> utf8, int max)
    {
        if (utf8.Length <= max) return utf8;
        while (max > 0 && (utf8[max] & 0xC0) == 0x80) max--;
        return utf8[..max];
    }
}
