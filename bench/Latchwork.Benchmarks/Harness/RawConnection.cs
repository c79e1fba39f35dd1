using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Latchwork.Benchmarks.Harness;

/// <summary>
/// A connection as plain as can be, blocking: commands in, replies out. It shares nothing with the library, serves the harness, and is the
/// raw limit: what is sent in one piece is one system call.
/// </summary>
internal sealed class RawConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _input = new byte[1 << 18];
    private byte[] _output = new byte[1 << 18];
    private int _start;
    private int _end;
    private int _pending;

    public RawConnection(int port) => _socket.Connect(new IPEndPoint(IPAddress.Loopback, port));

    public long BytesSent { get; private set; }

    public long BytesReceived { get; private set; }

    /// <summary>Sends a command and reads its reply: text, or null for nothing.</summary>
    /// <exception cref="InvalidOperationException">The server answered with an error.</exception>
    public string? Ask(params ReadOnlySpan<string> words)
    {
        Begin(words.Length);
        foreach (string word in words) Add(Encoding.UTF8.GetBytes(word));
        Send();
        return Read();
    }

    /// <summary>Begins a command of that many parts.</summary>
    public void Begin(int parts) => Head((byte)'*', parts);

    public void Add(ReadOnlySpan<byte> part)
    {
        Head((byte)'$', part.Length);
        Reserve(part.Length + 2);
        part.CopyTo(_output.AsSpan(_pending));
        _pending += part.Length;
        End();
    }

    /// <summary>Sends what was gathered.</summary>
    public void Send()
    {
        for (int sent = 0; sent < _pending;) sent += _socket.Send(_output.AsSpan(sent, _pending - sent));
        BytesSent += _pending;
        _pending = 0;
    }

    /// <summary>Reads replies and drops them.</summary>
    public void Skip(int replies)
    {
        for (int i = 0; i < replies; i++) Read();
    }

    /// <summary>Reads a reply; of a list, the text of its parts on lines.</summary>
    public string? Read()
    {
        string line = Line();
        switch (line[0])
        {
            case '+' or ':': return line[1..];
            case '-': throw new InvalidOperationException($"Redis: {line[1..]}");
            case '*':
                int parts = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
                var text = new StringBuilder();
                for (int i = 0; i < parts; i++) text.Append(Read()).Append('\n');
                return text.ToString();
            case '$':
                int length = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
                if (length < 0) return null;
                byte[] bytes = new byte[length + 2];
                for (int filled = 0; filled < bytes.Length;)
                {
                    if (_start == _end) Receive();
                    int count = Math.Min(bytes.Length - filled, _end - _start);
                    Array.Copy(_input, _start, bytes, filled, count);
                    _start += count;
                    filled += count;
                }

                return Encoding.UTF8.GetString(bytes, 0, length);
            default: throw new InvalidOperationException($"Not a reply: '{line}'.");
        }
    }

    public void Dispose() => _socket.Dispose();

    private string Line()
    {
        string before = "";
        while (true)
        {
            int end = Array.IndexOf(_input, (byte)'\n', _start, _end - _start);
            if (end >= 0)
            {
                string line = before + Encoding.ASCII.GetString(_input, _start, end - _start);
                _start = end + 1;
                return line.TrimEnd('\r');
            }

            before += Encoding.ASCII.GetString(_input, _start, _end - _start);
            Receive();
        }
    }

    private void Receive()
    {
        _start = 0;
        _end = _socket.Receive(_input);
        BytesReceived += _end;
        if (_end == 0) throw new InvalidOperationException("Redis closed the connection.");
    }

    private void Head(byte type, int number)
    {
        Reserve(16);
        _output[_pending++] = type;
        System.Buffers.Text.Utf8Formatter.TryFormat(number, _output.AsSpan(_pending), out int written);
        _pending += written;
        End();
    }

    private void End()
    {
        _output[_pending++] = (byte)'\r';
        _output[_pending++] = (byte)'\n';
    }

    private void Reserve(int bytes)
    {
        if (_pending + bytes > _output.Length) Array.Resize(ref _output, Math.Max(_output.Length * 2, _pending + bytes));
    }
}
