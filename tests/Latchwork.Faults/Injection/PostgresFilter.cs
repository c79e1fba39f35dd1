using System.Buffers;
using System.Buffers.Binary;

namespace Latchwork.Faults.Injection;

/// <summary>
/// Follows what PostgreSQL says message by message (a letter, four bytes of length that count themselves, and the rest), and leaves out
/// <c>NotificationResponse</c>. The connection is not encrypted, and none was asked for: the answer to that would be a letter alone.
/// </summary>
public sealed class PostgresFilter : NotificationFilter
{
    private const byte NotificationResponse = (byte)'A';

    private readonly byte[] _head = new byte[5];
    private int _inHead;
    private int _bodyLeft;
    private bool _isLeftOut;

    /// <inheritdoc/>
    public override void Pass(ReadOnlySpan<byte> input, ArrayBufferWriter<byte> output)
    {
        while (!input.IsEmpty)
        {
            if (_bodyLeft == 0)
            {
                _head[_inHead++] = input[0];
                input = input[1..];
                if (_inHead < _head.Length) continue;
                _inHead = 0;
                _bodyLeft = BinaryPrimitives.ReadInt32BigEndian(_head.AsSpan(1)) - 4;
                _isLeftOut = DropsNotifications && _head[0] == NotificationResponse;
                if (_isLeftOut) Dropped++;
                else output.Write(_head);
                continue;
            }

            int taken = Math.Min(_bodyLeft, input.Length);
            if (!_isLeftOut) output.Write(input[..taken]);
            _bodyLeft -= taken;
            input = input[taken..];
        }
    }
}
