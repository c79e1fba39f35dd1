using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>A whole message of the server: a reply, or a push that belongs to no command.</summary>
internal readonly record struct RespMessage(RedisReply Reply, bool IsPush);

/// <summary>
/// Parses RESP2 and RESP3 from pieces of any size. It keeps what it has understood so far, so no byte is looked at twice and the caller
/// need not keep any. What a server announces is believed only as far as it arrives: memory grows with the bytes received. After an
/// exception it is of no more use.
/// </summary>
internal sealed class RespReader
{
    /// <summary>Lua nests tables this deep only on purpose.</summary>
    internal const int MaxDepth = 32;

    /// <summary>Redis itself allows no longer string (<c>proto-max-bulk-len</c>); it is also the limit of a whole message.</summary>
    internal const long MaxMessageBytes = 512L << 20;

    /// <summary>All elements of a message together.</summary>
    internal const int MaxItems = 4 << 20;

    /// <summary>A line: a simple string, an error, a number.</summary>
    internal const int MaxLineBytes = 64 << 10;

    private const int TrustedBytes = 1 << 20;
    private const int TrustedItems = 1 << 10;
    private readonly Frame[] _frames = new Frame[MaxDepth];
    private byte[] _line = new byte[128];
    private byte[] _bulk = [];
    private int _depth;
    private int _lineLength;
    private long _bulkLength;
    private int _bulkFilled;
    private long _messageBytes;
    private long _messageItems;
    private byte _type;
    private Step _step;
    private RedisReply _value;

    private enum Step
    {
        Type = 0,
        Line = 1,
        Bulk = 2,
        BulkEnd = 3,
    }

    private enum FrameKind
    {
        List = 0,
        Push = 1,
        Attribute = 2,
    }

    /// <summary>Takes what it can use from the front of the input.</summary>
    /// <param name="input">What was received; on return what is left of it: nothing, unless a message was completed.</param>
    /// <param name="message">The message that was completed.</param>
    /// <returns>Whether a message was completed.</returns>
    /// <exception cref="RedisProtocolException">This is not RESP, or beyond the limits.</exception>
    public bool TryRead(ref ReadOnlySpan<byte> input, out RespMessage message)
    {
        while (!input.IsEmpty)
        {
            bool complete = _step switch
            {
                Step.Type => ReadType(ref input),
                Step.Line => TryReadLine(ref input, out ReadOnlySpan<byte> line) && OnLine(line, out _value),
                Step.Bulk => ReadBulk(ref input),
                _ => ReadBulkEnd(ref input),
            };
            if (complete && Deliver(out message))
            {
                _messageBytes = 0;
                _messageItems = 0;
                return true;
            }
        }

        message = default;
        return false;
    }

    private bool ReadType(ref ReadOnlySpan<byte> input)
    {
        _type = input[0];
        if (!"+-:$*_#,(=!~%|>"u8.Contains(_type))
        {
            throw new RedisProtocolException(_type is >= 0x20 and < 0x7f ? $"a reply cannot begin with '{(char)_type}'" : $"a reply cannot begin with the byte 0x{_type:x2}");
        }

        if (_type == (byte)'>' && _depth > 0)
            throw new RedisProtocolException("a push inside another reply");
        input = input[1..];
        _step = Step.Line;
        _lineLength = 0;
        return false;
    }

    // A line that lies whole in the input is used where it is; otherwise its pieces are gathered.
    private bool TryReadLine(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> line)
    {
        int end = input.IndexOf((byte)'\n');
        ReadOnlySpan<byte> piece = end < 0 ? input : input[..end];
        bool isText = _type is (byte)'+' or (byte)'-' or (byte)'(' or (byte)',';
        if (_lineLength + piece.Length > (isText ? MaxLineBytes : 32))
            throw new RedisProtocolException("a line is too long");
        if (end >= 0 && _lineLength == 0)
        {
            line = piece;
        }
        else
        {
            if (_lineLength + piece.Length > _line.Length)
                Array.Resize(ref _line, Math.Max(_line.Length * 2, _lineLength + piece.Length));
            piece.CopyTo(_line.AsSpan(_lineLength));
            _lineLength += piece.Length;
            line = _line.AsSpan(0, _lineLength);
        }

        if (end < 0)
        {
            input = default;
            return false;
        }

        input = input[(end + 1)..];
        if (line.IsEmpty || line[^1] != (byte)'\r')
            throw new RedisProtocolException("a line does not end in CR LF");
        line = line[..^1];
        Charge(line.Length);
        _step = Step.Type;
        return true;
    }

    private bool OnLine(ReadOnlySpan<byte> line, out RedisReply value)
    {
        value = default;
        switch (_type)
        {
            case (byte)'+':
            case (byte)',':
            case (byte)'(':
                value = RedisReply.OfBytes(line.ToArray());
                return true;
            case (byte)'-':
                value = RedisReply.OfError(line.ToArray());
                return true;
            case (byte)':':
                value = RedisReply.OfNumber(ParseNumber(line));
                return true;
            case (byte)'#':
                if (line.Length != 1 || line[0] is not ((byte)'t' or (byte)'f'))
                    throw new RedisProtocolException("a boolean is neither t nor f");
                value = RedisReply.OfNumber(line[0] == (byte)'t' ? 1 : 0);
                return true;
            case (byte)'_':
                if (!line.IsEmpty)
                    throw new RedisProtocolException("a null with something in it");
                return true;
            case (byte)'$':
            case (byte)'=':
            case (byte)'!':
                return BeginBulk(ParseLength(line, nullAllowed: _type == (byte)'$'));
            default:
                return BeginList(ParseLength(line, nullAllowed: _type == (byte)'*'), out value);
        }
    }

    // Length -1 is the null of RESP2: a value by itself.
    private bool BeginBulk(long length)
    {
        if (length < 0)
            return true;
        Charge(length);
        _bulkLength = length;
        _bulkFilled = 0;
        _bulk = length == 0 ? [] : new byte[Math.Min(length, TrustedBytes)];
        _step = length == 0 ? Step.BulkEnd : Step.Bulk;
        return false;
    }

    private bool ReadBulk(ref ReadOnlySpan<byte> input)
    {
        if (_bulkFilled == _bulk.Length)
            Array.Resize(ref _bulk, (int)Math.Min(_bulkLength, _bulk.Length * 2L));
        int count = Math.Min(input.Length, _bulk.Length - _bulkFilled);
        input[..count].CopyTo(_bulk.AsSpan(_bulkFilled));
        _bulkFilled += count;
        input = input[count..];
        if (_bulkFilled == _bulkLength)
            _step = Step.BulkEnd;
        return false;
    }

    private bool ReadBulkEnd(ref ReadOnlySpan<byte> input)
    {
        // _bulkFilled runs two further, over CR and LF.
        byte expected = _bulkFilled == _bulkLength ? (byte)'\r' : (byte)'\n';
        if (input[0] != expected)
            throw new RedisProtocolException("a string does not end where it should");
        input = input[1..];
        _bulkFilled++;
        if (expected == (byte)'\r')
            return false;

        ReadOnlyMemory<byte> bytes = _bulk;
        if (_type == (byte)'=')
        {
            if (bytes.Length < 4 || bytes.Span[3] != (byte)':')
                throw new RedisProtocolException("a verbatim string without its format");
            bytes = bytes[4..];
        }

        _value = _type == (byte)'!' ? RedisReply.OfError(bytes) : RedisReply.OfBytes(bytes);
        _bulk = [];
        _step = Step.Type;
        return true;
    }

    private bool BeginList(long length, out RedisReply value)
    {
        value = default;
        FrameKind kind = _type switch { (byte)'>' => FrameKind.Push, (byte)'|' => FrameKind.Attribute, _ => FrameKind.List };
        if (length < 0)
            return true;
        long count = _type is (byte)'%' or (byte)'|' ? length * 2 : length;
        _messageItems += count;
        if (_messageItems > MaxItems)
            throw new RedisProtocolException($"a reply of more than {MaxItems} elements");
        if (count == 0 && kind != FrameKind.Push)
        {
            value = RedisReply.OfItems([]);
            return kind == FrameKind.List;
        }

        if (count == 0)
            throw new RedisProtocolException("an empty push");
        if (_depth == MaxDepth)
            throw new RedisProtocolException($"lists nested more than {MaxDepth} deep");
        _frames[_depth++] = new Frame { Kind = kind, Count = (int)count, Items = new RedisReply[Math.Min(count, TrustedItems)] };
        return false;
    }

    // Puts a finished value into the list that it belongs to, and that one, if it is full now, into its own.
    private bool Deliver(out RespMessage message)
    {
        while (_depth > 0)
        {
            ref Frame frame = ref _frames[_depth - 1];
            if (frame.Filled == frame.Items.Length)
                Array.Resize(ref frame.Items, Math.Min(frame.Count, frame.Items.Length * 2));
            frame.Items[frame.Filled++] = _value;
            if (frame.Filled < frame.Count)
            {
                message = default;
                return false;
            }

            _value = RedisReply.OfItems(frame.Items);
            FrameKind kind = frame.Kind;
            frame = default;
            _depth--;
            if (kind == FrameKind.List)
                continue;
            message = new RespMessage(_value, IsPush: true);
            return kind == FrameKind.Push; // Attributes are dropped: the value that they describe follows.
        }

        message = new RespMessage(_value, IsPush: false);
        return true;
    }

    private void Charge(long bytes)
    {
        _messageBytes += bytes;
        if (_messageBytes > MaxMessageBytes)
            throw new RedisProtocolException($"a reply of more than {MaxMessageBytes} bytes");
    }

    private static long ParseNumber(ReadOnlySpan<byte> line) =>
        long.TryParse(line, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new RedisProtocolException("a number is malformed");

    private static long ParseLength(ReadOnlySpan<byte> line, bool nullAllowed)
    {
        if (line.SequenceEqual("?"u8))
            throw new RedisProtocolException("streamed replies are not supported");
        long length = ParseNumber(line);
        if (length > MaxMessageBytes || length < (nullAllowed ? -1 : 0))
            throw new RedisProtocolException($"a length of {length}");
        return length;
    }

    private struct Frame
    {
        public FrameKind Kind;
        public int Count;
        public int Filled;
        public RedisReply[] Items;
    }
}
