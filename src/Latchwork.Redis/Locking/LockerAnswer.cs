using System.Buffers.Binary;

namespace Latchwork.Redis.Locking;

/// <summary>Reads what the script <c>Step</c> answers to an acquisition.</summary>
internal ref struct LockerAnswer
{
    private const byte Granted = 0, Held = 1, Outcome = 2, NoRoom = 3;
    private ReadOnlyMemory<byte> _rest;

    private LockerAnswer(ReadOnlyMemory<byte> bytes) => _rest = bytes;

    /// <summary>Whether the bytes of an outcome did not fit into the answer of the list.</summary>
    public static bool IsToBeAskedAlone(RedisReply reply) => !reply.IsArray && reply.Bytes.Span is [NoRoom];

    /// <exception cref="RedisReplyException">It has another form.</exception>
    public static LockerReply Read(RedisReply reply)
    {
        ReadOnlyMemory<byte>? apart = null;
        if (reply.IsArray) (reply, apart) = (reply[0], reply[1].Bytes);

        ReadOnlyMemory<byte> bytes = reply.Bytes;
        try
        {
            var answer = new LockerAnswer(bytes);
            switch (answer.NextByte())
            {
                case Granted:
                    return new LockGranted(answer.NextNumber(), TakenOver: answer.NextByte() != 0);
                case Held:
                    (long fencingToken, long left, long age) = (answer.NextNumber(), answer.NextNumber(), answer.NextNumber());
                    string nonce = answer.NextText(answer.NextByte());
                    return new LockHeld(fencingToken, answer.NextText(answer._rest.Length), TimerCodec.Span(left), TimerCodec.Span(age), nonce);
                case Outcome:
                    (fencingToken, age) = (answer.NextNumber(), answer.NextNumber());
                    var kind = (LockerOutcomeKind)answer.NextByte();
                    bool isFresh = answer.NextByte() != 0;
                    return new LockerOutcome(fencingToken, kind, apart ?? answer._rest, isFresh, TimerCodec.Span(age));
            }
        }
        catch (ArgumentOutOfRangeException)
        {
            // It is too short.
        }

        throw new RedisReplyException($"Unexpected reply of the script 'Step': {bytes.Length} bytes that begin with {(bytes.IsEmpty ? "nothing" : bytes.Span[0])}.");
    }

    /// <summary>Reads what a publication tells those who wait; null if it is only a hint.</summary>
    public static LockerNotification? ReadNotification(ReadOnlyMemory<byte> message)
    {
        try
        {
            var answer = new LockerAnswer(message);
            (long fencingToken, long fresh, long handOver) = (answer.NextNumber(), answer.NextNumber(), answer.NextNumber());
            var kind = (LockerOutcomeKind)answer.NextByte();
            string nonce = answer.NextText(answer.NextByte());
            if (!Enum.IsDefined(kind) || fresh < 0 || handOver < 0) return null;
            return new LockerNotification(nonce, new LockerOutcome(fencingToken, kind, answer._rest.ToArray(), IsFresh: fresh > 0, Age: TimeSpan.Zero));
        }
        catch (ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    private byte NextByte()
    {
        byte next = _rest[..1].Span[0];
        _rest = _rest[1..];
        return next;
    }

    private long NextNumber()
    {
        double number = BinaryPrimitives.ReadDoubleLittleEndian(_rest[..8].Span);
        _rest = _rest[8..];
        return Math.Abs(number) < 1L << 53 ? (long)number : throw new ArgumentOutOfRangeException(nameof(number));
    }

    private string NextText(int length)
    {
        string text = Encoding.UTF8.GetString(_rest[..length].Span);
        _rest = _rest[length..];
        return text;
    }
}
