using System.Buffers;
using System.Buffers.Text;

namespace Latchwork.Faults.Injection;

/// <summary>
/// Follows what a server says (RESP3) frame by frame, and leaves out the notifications (<c>message</c>, <c>smessage</c>, <c>pmessage</c>) when it
/// is told to. Everything else, the confirmations of subscriptions included, passes unchanged.
/// </summary>
public sealed class PushFilter : NotificationFilter
{
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly ArrayBufferWriter<byte> _push = new();
    private long _values;
    private long _bulkLeft;
    private bool _inPush;

    /// <inheritdoc/>
    public override void Pass(ReadOnlySpan<byte> input, ArrayBufferWriter<byte> output)
    {
        while (!input.IsEmpty)
        {
            if (_values == 0)
            {
                _values = 1;
                _inPush = input[0] == (byte)'>';
            }

            int taken = _bulkLeft > 0 ? TakeBulk(input) : TakeLine(input);
            (_inPush ? _push : output).Write(input[..taken]);
            input = input[taken..];
            if (_values == 0 && _inPush) EndPush(output);
        }
    }

    private int TakeBulk(ReadOnlySpan<byte> input)
    {
        int taken = (int)Math.Min(_bulkLeft, input.Length);
        _bulkLeft -= taken;
        if (_bulkLeft == 0) _values--;
        return taken;
    }

    private int TakeLine(ReadOnlySpan<byte> input)
    {
        int end = input.IndexOf((byte)'\n');
        int taken = end < 0 ? input.Length : end + 1;
        _line.Write(input[..taken]);
        if (end < 0) return taken;

        ReadOnlySpan<byte> line = _line.WrittenSpan;
        long count = Utf8Parser.TryParse(line[1..], out long number, out _) ? number : 0;
        switch ((char)line[0])
        {
            case '$' or '=' or '!' when count >= 0:
                _bulkLeft = count + 2; // its line end included
                break;
            case '*' or '~' or '>':
                _values += Math.Max(count, 0) - 1;
                break;
            case '%':
                _values += (2 * count) - 1;
                break;
            case '|':
                _values += 2 * count; // attributes come before the value that they belong to
                break;
            default:
                _values--;
                break;
        }

        _line.Clear();
        return taken;
    }

    private void EndPush(ArrayBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> frame = _push.WrittenSpan;
        ReadOnlySpan<byte> rest = frame[(frame.IndexOf((byte)'\n') + 1)..];
        bool isNotification = rest.StartsWith("$7\r\nmessage\r\n"u8) || rest.StartsWith("$8\r\nsmessage\r\n"u8) || rest.StartsWith("$8\r\npmessage\r\n"u8);
        if (DropsNotifications && isNotification) Dropped++;
        else output.Write(frame);
        _push.Clear();
        _inPush = false;
    }
}
