using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RESPite.Transports;
using StackExchange.Redis.Configuration;

#pragma warning disable SER009 // the client's seam for transports is experimental; see TryUse

namespace Latchwork.Redis.Renewing;

/// <summary>
/// Lets a multiplexer use sockets that are read by threads of their own and written by the calling thread, so that a synchronous call needs no
/// thread of the pool, and every call takes fewer hops. The client has no other setting for this that is not one of the whole process.
/// </summary>
internal sealed class ThreadTunnel : Tunnel
{
    private readonly SocketRegistry _sockets;
    private readonly ConfigurationOptions _settings;
    private readonly long _maxQueued;

    private ThreadTunnel(ConfigurationOptions settings, SocketRegistry sockets, long maxQueued)
    {
        _settings = settings;
        _sockets = sockets;
        _maxQueued = maxQueued;
    }

    /// <summary>Lets a multiplexer use such sockets.</summary>
    /// <param name="settings">Its configuration.</param>
    /// <param name="sockets">Where they are noted.</param>
    /// <param name="maxQueued">How many bytes the arguments of all calls under way may have.</param>
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

    /// <inheritdoc/>
    public override async ValueTask<DuplexTransport?> ConnectTransportAsync(EndPoint endpoint, ConnectionType connectionType, TlsOptions tls, CancellationToken cancellationToken)
    {
        Socket socket = endpoint.AddressFamily == AddressFamily.Unspecified
            ? new Socket(SocketType.Stream, ProtocolType.Tcp)
            : new Socket(endpoint.AddressFamily, SocketType.Stream, endpoint.AddressFamily == AddressFamily.Unix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            if (endpoint.AddressFamily != AddressFamily.Unix)
            {
                socket.NoDelay = true;
                if (_settings.TcpKeepAlive) socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            }

            _settings.BeforeSocketConnect?.Invoke(endpoint, connectionType, socket); // the registry's is one of them
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timeout.CancelAfter(_settings.ConnectTimeout);
            await socket.ConnectAsync(endpoint, timeout.Token).ConfigureAwait(false);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (tls.IsEnabled) stream = await EncryptAsync(stream, endpoint, tls, timeout.Token).ConfigureAwait(false);
            return new ThreadTransport(socket, stream, tls.IsEnabled, _maxQueued, connectionType == ConnectionType.Interactive ? _sockets.HeardFrom(endpoint) : null);
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

    private static void Use(ConfigurationOptions settings, SocketRegistry sockets, long maxQueued) => settings.Tunnel = new ThreadTunnel(settings, sockets, maxQueued);
}
