using System.Buffers;
using RESPite.Transports;

#pragma warning disable SER009 // the client's seam for transports is experimental; see ThreadTunnel

namespace Latchwork.Redis.Renewing;

/// <summary>
/// A connection that a thread of its own reads, and that is written by whoever flushes: a call costs no hop to another thread on its way out, and
/// none to the pool on its way in. What may not fit into the socket's buffer is written by a second thread, which is started when first needed, so
/// that no caller is ever held up by a server that does not read.
/// </summary>
internal sealed class ThreadTransport(Socket socket, Stream stream, bool isEncrypted) : DuplexTransport
{
    private const int Size = 16 * 1024;
    private const int MaxInline = Size;
    private readonly object _gate = new();
    private readonly Queue<ArrayBufferWriter<byte>> _waiting = new();
    private ArrayBufferWriter<byte> _staged = new(Size);
    private ArrayBufferWriter<byte>? _spare = new(Size);
    private bool _hasWriter;
    private bool _writerIsBusy;
    private volatile bool _closed;

    /// <inheritdoc/>
    public override bool IsEncrypted => isEncrypted;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0) => _staged.GetMemory(sizeHint);

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => _staged.GetSpan(sizeHint);

    /// <inheritdoc/>
    public override void Advance(int count) => _staged.Advance(count);

    /// <inheritdoc/>
    public override bool Flush()
    {
        // The client stages and flushes with one thread at a time; the lock is for the thread that writes what did not fit.
        lock (_gate)
        {
            if (_closed)
                return false;
            ArrayBufferWriter<byte> bytes = _staged;
            if (bytes.WrittenCount == 0)
                return true;
            if (!_writerIsBusy && bytes.WrittenCount <= MaxInline && CanWrite())
                return TryWrite(bytes);
            _staged = _spare ?? new ArrayBufferWriter<byte>(Size);
            _spare = null;
            _waiting.Enqueue(bytes);
            _writerIsBusy = true;
            if (!_hasWriter)
                new Thread(WriteWaiting) { IsBackground = true, Name = "Latchwork Redis, writing" }.UnsafeStart();
            _hasWriter = true;
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <inheritdoc/>
    public override void Start(TransportReceiver receiver) =>
        new Thread(() => Read(receiver)) { IsBackground = true, Name = "Latchwork Redis, reading" }.UnsafeStart();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    private void Read(TransportReceiver receiver)
    {
        byte[] buffer = new byte[Size];
        Exception? fault = null;
        try
        {
            while (stream.Read(buffer) is > 0 and var count && receiver.OnReceived(buffer.AsSpan(0, count)))
                receiver.OnBatchEnd();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            fault = _closed ? null : e;
        }

        Close();
        receiver.OnClosed(fault);
    }

    private void WriteWaiting()
    {
        while (true)
        {
            ArrayBufferWriter<byte> bytes;
            lock (_gate)
            {
                while (!_closed && _waiting.Count == 0)
                {
                    _writerIsBusy = false;
                    Monitor.Wait(_gate);
                }

                if (_closed)
                    return;
                bytes = _waiting.Dequeue();
            }

            if (!TryWrite(bytes))
                return;
            lock (_gate)
                _spare ??= bytes.Capacity <= 4 * Size ? bytes : null;
        }
    }

    private bool CanWrite()
    {
        try
        {
            return socket.Poll(TimeSpan.Zero, SelectMode.SelectWrite);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return true; // the write meets the same end
        }
    }

    private bool TryWrite(ArrayBufferWriter<byte> bytes)
    {
        try
        {
            stream.Write(bytes.WrittenSpan);
            bytes.ResetWrittenCount();
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The thread that reads meets the same end, and tells of it.
            Close();
            return false;
        }
    }

    private void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }

        stream.Dispose();
    }
}
