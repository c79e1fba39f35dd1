using System.Security.Authentication;

namespace Latchwork.Redis.Connections;

/// <summary>Why a server cannot be used, in words that follow "because", and whether trying again helps.</summary>
internal readonly record struct ServerReason(string Text, bool IsTransient);

/// <summary>
/// Finds words for why a server cannot be used. The client has none for most reasons: it says that it was "not possible to connect", and nothing at
/// all of the attempts that follow when a connection was lost.
/// </summary>
internal static class ServerProbe
{
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(2);

    /// <summary>Words for what the client has thrown; null if it says nothing useful.</summary>
    public static ServerReason? ReasonIn(Exception error, ConfigurationOptions settings)
    {
        for (Exception? cause = error; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case RedisServerException server:
                    string code = Array.Find(server.Message.Split(' '), static word => RedisFailures.Explain(word) is not null) ?? "";
                    if (code is "NOAUTH" or "WRONGPASS") code = string.IsNullOrEmpty(settings.Password) ? "NOAUTH" : "WRONGPASS";
                    return RedisFailures.Explain(code) is { } known ? new(code == "NOPERM" ? $"{known.Help} ({server.Message.TrimEnd('.')})" : known.Help, known.IsTransient) : new(server.Message.TrimEnd('.'), false);
                case AuthenticationException tls:
                    string inner = tls.InnerException is { } why && settings.SslClientAuthenticationOptions?.Target is not TlsFiles ? $" ({why.Message.TrimEnd('.')})" : "";
                    return new($"{tls.Message.TrimEnd('.')}{inner}", false);
                case RedisCommandException command:
                    return new(command.Message.TrimEnd('.'), false);
            }
        }

        return null;
    }

    /// <summary>Why a server cannot be used; null if it can by now. <paramref name="error"/> is what the client has thrown for it, if it is known: it is tried again where that says nothing.</summary>
    public static async Task<ServerReason?> WhyNotAsync(ConfigurationOptions settings, EndPoint server, Exception? error, CancellationToken cancellationToken)
    {
        if (error is not null && ReasonIn(error, settings) is { } known) return known;
        TimeSpan bound = TimeSpan.FromMilliseconds(settings.ConnectTimeout);
        if (bound > _longest) bound = _longest;
        if (settings.Tunnel is null && await UnreachableAsync(server, bound, cancellationToken).ConfigureAwait(false) is { } reason) return new(reason, true);

        var sockets = new SocketRegistry();
        ConfigurationOptions probe = RedisConfiguration.At(settings, server);
        probe.ConnectRetry = 1;
        probe.ConnectTimeout = (int)bound.TotalMilliseconds;
        Task<ConnectionMultiplexer> connecting = sockets.ConnectAsync(probe);
        try
        {
            ConnectionMultiplexer multiplexer = await connecting.WaitAsync(bound + bound, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            IServer found = multiplexer.GetServer(multiplexer.GetEndPoints()[0]);
            return found is { IsReplica: true, ServerType: not ServerType.Cluster } ? new(RedisFailures.Explain("READONLY")!.Value.Help, true) : null;
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException or RedisCommandException or TimeoutException)
        {
            return ReasonIn(e, settings) ?? Silent(settings);
        }
        finally
        {
            sockets.AbortForGood();
            SocketRegistry.Discard(connecting);
        }
    }

    private static ServerReason Silent(ConfigurationOptions settings) => settings.Ssl
        ? new("the server did not finish the TLS handshake in time (perhaps its port is one without TLS)", true)
        : new("the server accepted the connection, and then did not reply in time as a Redis server does (it hangs, or its port is one with TLS)", true);

    private static async Task<string?> UnreachableAsync(EndPoint server, TimeSpan bound, CancellationToken cancellationToken)
    {
        using Socket socket = SocketRegistry.NewSocket(server);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(bound);
        try
        {
            await socket.ConnectAsync(server, timeout.Token).ConfigureAwait(false);
            return null;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "nothing listens there (connection refused)",
                SocketError.AddressNotAvailable when server is UnixDomainSocketEndPoint => "there is no such socket",
                _ => e.Message.TrimEnd('.'),
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return "the server did not accept a connection in time";
        }
    }
}
