namespace Latchwork.Cli.Input;

/// <summary>Reads lines of bytes from a stream with bounded memory, as fast as the stream gives them.</summary>
internal sealed class LineReader
{
    private static readonly byte[] _byteOrderMark = [0xEF, 0xBB, 0xBF];

    private readonly Stream _stream;
    private readonly int _maxLine;
    private byte[] _buffer = new byte[256 << 10];
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>Creates a reader.</summary>
    /// <param name="stream">The stream; not disposed.</param>
    /// <param name="maxLine">The longest line, in bytes without its end.</param>
    public LineReader(Stream stream, int maxLine)
    {
        _stream = stream;
        _maxLine = maxLine;
    }

    /// <summary>The number of the line that was read last: 1 is the first.</summary>
    public long LineNumber { get; private set; }

    /// <summary>Bytes read from the stream so far.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Reads the next line, without its end (<c>\n</c> or <c>\r\n</c>).</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The line, valid until the next call; null at the end.</returns>
    /// <exception cref="BadLineException">The line is too long.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0) return Take(searched + length, consumed: searched + length + 1);
            searched = _end - _start;
            if (_ended)
            {
                if (searched == 0) return null;
                return Take(searched, consumed: searched);
            }

            if (searched > _maxLine + 1)
            {
                LineNumber++;
                throw new BadLineException($"longer than {_maxLine} bytes");
            }

            await FillAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private ReadOnlyMemory<byte> Take(int length, int consumed)
    {
        LineNumber++;
        ReadOnlyMemory<byte> line = _buffer.AsMemory(_start, length);
        _start += consumed;
        if (LineNumber == 1 && line.Span.StartsWith(_byteOrderMark)) line = line[_byteOrderMark.Length..];
        if (line.Length > 0 && line.Span[^1] == (byte)'\r') line = line[..^1];
        return line.Length <= _maxLine ? line : throw new BadLineException($"longer than {_maxLine} bytes");
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        int read = await _stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += read;
        BytesRead += read;
        _ended = read == 0;
    }
}
