using System.Buffers;
using System.Runtime.CompilerServices;
using RESPite.Transports;

#pragma warning disable SER009 // the client's seam for transports is experimental; see ThreadTunnel

namespace Latchwork.Redis.Renewing;

/// <summary>
/// A connection that a thread of its own reads, and that is written by whoever flushes: a call costs no hop to another thread on its way out, and
/// none to the pool on its way in. What may not fit into the socket's buffer is written by a second thread, which is started when first needed, so
/// that no caller is ever held up by a server that does not read.
/// </summary>
/// <param name="socket">The socket.</param>
/// <param name="stream">What is read and written: the socket, or TLS over it.</param>
/// <param name="isEncrypted">Whether it is TLS.</param>
/// <param name="maxQueued">How many bytes the arguments of all calls under way may have. What waits here has been given up by its callers if it is much more.</param>
/// <param name="heard">Takes when something was read, on the clock of <see cref="Environment.TickCount64"/>; null if nobody wants to know.</param>
internal sealed class ThreadTransport(Socket socket, Stream stream, bool isEncrypted, long maxQueued, StrongBox<long>? heard) : DuplexTransport
{
    private const int Size = 16 * 1024;
    private const int MaxInline = Size;
    private const long Framing = 16 << 20;
    private readonly object _gate = new();
    private readonly LinkedList<ArrayBufferWriter<byte>> _waiting = new();
    private ArrayBufferWriter<byte> _staged = new(Size);
    private ArrayBufferWriter<byte>? _spare = new(Size);
    private long _queued;
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
            if (_closed) return false;
            ArrayBufferWriter<byte> bytes = _staged;
            int count = bytes.WrittenCount;
            if (count == 0) return true;
            if (!_writerIsBusy && count <= MaxInline && CanWrite()) return TryWrite(bytes);
            _queued += count;
            if (_queued <= (2 * maxQueued) + Framing)
            {
                Enqueue(bytes);
                return true;
            }
        }

        Close(); // the server reads nothing; a call whose time was up is not in the caller's memory any more, but would be here
        return false;
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

    // Needs the gate.
    private void Enqueue(ArrayBufferWriter<byte> bytes)
    {
        if (_waiting.Last?.Value is { } last && last.FreeCapacity >= bytes.WrittenCount)
        {
            last.Write(bytes.WrittenSpan);
            bytes.ResetWrittenCount();
        }
        else
        {
            _staged = _spare ?? new ArrayBufferWriter<byte>(Size);
            _spare = null;
            _waiting.AddLast(bytes);
        }

        _writerIsBusy = true;
        if (!_hasWriter) new Thread(WriteWaiting) { IsBackground = true, Name = "Latchwork Redis, writing" }.UnsafeStart();
        _hasWriter = true;
        Monitor.Pulse(_gate);
    }

    private void Read(TransportReceiver receiver)
    {
        byte[] buffer = new byte[Size];
        Exception? fault = null;
        try
        {
            while (stream.Read(buffer) is > 0 and var count)
            {
                if (heard is not null) Volatile.Write(ref heard.Value, Environment.TickCount64);
                if (!receiver.OnReceived(buffer.AsSpan(0, count))) break;
                receiver.OnBatchEnd();
            }
        }
        catch (Exception e) // whatever it is: it must not end the process
        {
            fault = _closed ? null : e;
        }

        Close();
        try
        {
            receiver.OnClosed(fault);
        }
        catch (Exception)
        {
            // The client tells the application, and what that throws is not ours.
        }
    }

    private void WriteWaiting()
    {
        while (true)
        {
            ArrayBufferWriter<byte> bytes;
            int count;
            lock (_gate)
            {
                while (!_closed && _waiting.Count == 0)
                {
                    _writerIsBusy = false;
                    Monitor.Wait(_gate);
                }

                if (_closed) return;
                bytes = _waiting.First!.Value;
                _waiting.RemoveFirst();
                count = bytes.WrittenCount;
            }

            if (!TryWrite(bytes)) return;
            lock (_gate)
            {
                _queued -= count;
                _spare ??= bytes.Capacity <= 4 * Size ? bytes : null;
            }
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
        catch (Exception)
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
            _waiting.Clear();
            Monitor.PulseAll(_gate);
        }

        try
        {
            stream.Dispose();
        }
        catch (Exception)
        {
            // TLS says good-bye to a server that is not there any more.
        }
    }
}
