using System.Text;

namespace Latchwork.Redis.Tests.Fuzzing;

/// <summary>Damages replies of a real server: in bytes, in lengths, in order, in depth. The same seed makes the same damage.</summary>
internal sealed class ReplyMutator
{
    /// <summary>Longer replies tell nothing more, and cost time.</summary>
    private const int MaxLength = 2048;

    private static readonly byte[][] _lengths =
    [
        .. new[]
        {
            "0", "-0", "-1", "-2", "1", "2", "31", "32", "33", "1023", "1024", "1025", "65536", "2147483647", "2147483648", "-2147483648", "4294967295",
            "536870912", "536870913", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616", "", "+1", " 1", "1 ", "0x1",
            "1e3", "?", "00000000000000000000000000000000001",
        }.Select(Encoding.ASCII.GetBytes),
    ];

    private static readonly byte[] _types = "+-:$*_#,(=!~%|>;"u8.ToArray();
    private readonly byte[][] _corpus;
    private readonly Random _random;
    private readonly byte[] _reply = new byte[MaxLength * 2];
    private int _length;

    public ReplyMutator(byte[][] corpus, int seed)
    {
        _corpus = corpus;
        _random = new Random(seed);
    }

    /// <summary>The next damaged reply. It is overwritten by the one after it.</summary>
    public ReadOnlyMemory<byte> Next()
    {
        _length = 0;
        Append(_corpus[_random.Next(_corpus.Length)]);
        for (int left = _random.Next(1, 5); left > 0; left--) Damage();
        return _reply.AsMemory(0, _length);
    }

    private void Damage()
    {
        int at = _random.Next(_length + 1);
        switch (_random.Next(10))
        {
            case 0 when at < _length:
                _reply[at] = (byte)_random.Next(256);
                break;
            case 1 when at < _length:
                _reply[at] = _types[_random.Next(_types.Length)];
                break;
            case 2 when at < _length:
                _reply[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 3:
                Remove(at, _random.Next(1, 9));
                break;
            case 4:
                Insert(at, _reply.AsSpan(0, _length).Slice(_random.Next(_length + 1) is var from ? from : 0, _random.Next(_length - from + 1)).ToArray());
                break;
            case 5:
                _length = at;
                break;
            case 6:
                Insert(at, _corpus[_random.Next(_corpus.Length)]);
                break;
            case 7:
                Nest(_random.Next(1, 40));
                break;
            default:
                ReplaceLength(at);
                break;
        }
    }

    // A length or a number after the given place becomes another one.
    private void ReplaceLength(int at)
    {
        int start = at;
        while (start < _length && !(char.IsAsciiDigit((char)_reply[start]) && (start == 0 || !char.IsAsciiDigit((char)_reply[start - 1])))) start++;
        int end = start;
        while (end < _length && char.IsAsciiDigit((char)_reply[end])) end++;
        Remove(start, end - start);
        Insert(start, _lengths[_random.Next(_lengths.Length)]);
    }

    private void Nest(int depth)
    {
        string[] openings = ["*1\r\n", "*2\r\n", "~1\r\n", "%1\r\n", "|1\r\n", ">1\r\n", "*1024\r\n", "*4000000\r\n"];
        string opening = openings[_random.Next(openings.Length)];
        Insert(0, Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(opening, depth))));
    }

    private void Append(ReadOnlySpan<byte> bytes) => Insert(_length, bytes[..Math.Min(bytes.Length, MaxLength)]);

    private void Insert(int at, ReadOnlySpan<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, _reply.Length - _length)];
        _reply.AsSpan(at, _length - at).CopyTo(_reply.AsSpan(at + bytes.Length));
        bytes.CopyTo(_reply.AsSpan(at));
        _length += bytes.Length;
    }

    private void Remove(int at, int count)
    {
        count = Math.Min(count, _length - at);
        _reply.AsSpan(at + count, _length - at - count).CopyTo(_reply.AsSpan(at));
        _length -= count;
    }
}
