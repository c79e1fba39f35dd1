using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RESPite.Transports;
using StackExchange.Redis.Configuration;

#pragma warning disable SER009 // the client's seam for transports is experimental; see TryUse

namespace Latchwork.Redis.Connections;

/// <summary>
/// Lets a multiplexer use sockets that are read by threads of their own and written by the calling thread, so that a synchronous call needs no
/// thread of the pool, and every call takes fewer hops. The client has no other setting for this that is not one of the whole process.
/// </summary>
internal sealed class SocketTunnel(ConfigurationOptions settings, SocketRegistry sockets, long maxQueued) : Tunnel
{
    /// <summary>Lets a multiplexer use such sockets. <paramref name="maxQueued"/> is how many bytes the arguments of all calls under way may have.</summary>
    /// <returns>
    /// False if it cannot: the application has a tunnel of its own, or brings a version of the client whose seam is another one. Renewals then go
    /// the same way as everything else, and a starved pool is noticed instead (see <see cref="PoolMonitor"/>).
    /// </returns>
    public static bool TryUse(ConfigurationOptions settings, SocketRegistry sockets, long maxQueued)
    {
        if (settings.Tunnel is not null) return false;
        try
        {
            Use(settings, sockets, maxQueued);
            return true;
        }
        catch (Exception e) when (e is TypeLoadException or MissingMemberException)
        {
            return false;
        }
    }

    public override async ValueTask<DuplexTransport?> ConnectTransportAsync(EndPoint endpoint, ConnectionType connectionType, TlsOptions tls, CancellationToken cancellationToken)
    {
        Socket socket = SocketRegistry.NewSocket(endpoint);
        try
        {
            if (endpoint.AddressFamily != AddressFamily.Unix)
            {
                socket.NoDelay = true;
                if (settings.TcpKeepAlive) socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            }

            settings.BeforeSocketConnect?.Invoke(endpoint, connectionType, socket); // the registry's is one of them
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timeout.CancelAfter(settings.ConnectTimeout);
            await socket.ConnectAsync(endpoint, timeout.Token).ConfigureAwait(false);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (tls.IsEnabled) stream = await EncryptAsync(stream, endpoint, tls, timeout.Token).ConfigureAwait(false);
            return new SocketTransport(socket, stream, tls.IsEnabled, maxQueued, connectionType == ConnectionType.Interactive ? sockets.HeardFrom(endpoint) : null);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The transport owns the stream.")]
    private static async Task<Stream> EncryptAsync(Stream stream, EndPoint endpoint, TlsOptions tls, CancellationToken cancellationToken)
    {
        // The same choices as the client makes for its own sockets: callbacks that it was given hold beside options that it was given.
        string host = tls.ResolveHost(endpoint);
        SslClientAuthenticationOptions options = tls.GetSslClientAuthenticationOptions(host) ?? new SslClientAuthenticationOptions
        {
            TargetHost = host,
            EnabledSslProtocols = tls.SslProtocols ?? SslProtocols.None,
            CertificateRevocationCheckMode = tls.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck,
        };
        var encrypted = new SslStream(stream, leaveInnerStreamOpen: false, tls.CertificateValidationCallback, tls.CertificateSelectionCallback);
        await encrypted.AuthenticateAsClientAsync(options, cancellationToken).ConfigureAwait(false);
        return encrypted;
    }

    private static void Use(ConfigurationOptions settings, SocketRegistry sockets, long maxQueued) => settings.Tunnel = new SocketTunnel(settings, sockets, maxQueued);
}

/// <summary>
/// A connection that a thread of its own reads, and that is written by whoever flushes: a call costs no hop to another thread on its way out, and
/// none to the pool on its way in. What may not fit into the socket's buffer is written by a second thread, which is started when first needed, so
/// that no caller is ever held up by a server that does not read. <c>maxQueued</c> is how many bytes the arguments of all calls under way may have: if
/// much more waits here, its callers have given it up. <c>heard</c> takes when something was read, as a timestamp.
/// </summary>
internal sealed class SocketTransport(Socket socket, Stream stream, bool isEncrypted, long maxQueued, StrongBox<long>? heard) : DuplexTransport
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

    public override bool IsEncrypted => isEncrypted;
    public override Memory<byte> GetMemory(int sizeHint = 0) => _staged.GetMemory(sizeHint);
    public override Span<byte> GetSpan(int sizeHint = 0) => _staged.GetSpan(sizeHint);
    public override void Advance(int count) => _staged.Advance(count);

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

    public override void Start(TransportReceiver receiver) =>
        new Thread(() => Read(receiver)) { IsBackground = true, Name = "Latchwork Redis, reading" }.UnsafeStart();

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
                if (heard is not null) Volatile.Write(ref heard.Value, LeaseTime.Instance.GetTimestamp());
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
