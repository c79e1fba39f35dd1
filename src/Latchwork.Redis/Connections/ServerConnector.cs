using System.Net.Sockets;

namespace Latchwork.Redis.Connections;

/// <summary>A connection to a primary, with the greeting behind it.</summary>
internal sealed record LiveServer(RedisEndpoint Endpoint, RedisTransport Transport, RespInput Input, ServerInfo Info) : IDisposable
{
    public void Dispose()
    {
        Input.Dispose();
        Transport.Dispose();
    }
}

/// <summary>Connects to the first of some servers that is a primary and can be worked with.</summary>
internal sealed class ServerConnector(RedisOptions options)
{
    private static readonly TimeSpan _firstTry = TimeSpan.FromMilliseconds(500);
    private readonly Dialer _dialer = new(options.Tls);

    /// <param name="servers">The servers, best first.</param>
    /// <param name="attempt">How many attempts have failed so far; null when connecting for the first time.</param>
    /// <param name="deadline">Until when, on the clock of <see cref="Environment.TickCount64"/>.</param>
    /// <param name="onSocket">Told of each socket before it is used, so that another thread can end it. It may throw.</param>
    /// <exception cref="LatchworkStoreException">There is none.</exception>
    public LiveServer Connect(IReadOnlyList<RedisEndpoint> servers, int? attempt, long deadline, Action<RedisEndpoint, RedisTransport> onSocket)
    {
        var failures = new List<LatchworkStoreException>();
        for (int i = 0; i < servers.Count; i++)
        {
            RedisEndpoint server = servers[i];
            long now = Environment.TickCount64;
            long until = servers.Count == 1 ? deadline : now + Share(deadline - now, servers.Count - i, attempt);
            try
            {
                return Connect(server, until, attempt is null ? TimeSpan.MaxValue : ReconnectDelay.LongestConnect, socket => onSocket(server, socket));
            }
            catch (LatchworkStoreException e)
            {
                failures.Add(e);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                failures.Add(new($"Cannot connect to {Describe(server)}: {e.Message}", StoreOutcome.NotApplied, e) { IsTransient = true });
            }
            catch (TlsRefusedException e)
            {
                failures.Add(new($"Cannot connect to {Describe(server)}: {e.Message}.", StoreOutcome.NotApplied, e));
            }
        }

        throw failures is [var only] ? only : new LatchworkStoreException(
            $"None of the {servers.Count} servers can be used. {string.Join(" ", failures.Select(failure => failure.Message))}",
            StoreOutcome.NotApplied,
            failures[0])
        { IsTransient = failures.Exists(failure => failure.IsTransient) };
    }

    private LiveServer Connect(RedisEndpoint server, long deadline, TimeSpan longest, Action<RedisTransport> onSocket)
    {
        RedisCredentials? credentials = CredentialSource.Ask(options, Describe(server), deadline);
        RedisTransport transport = _dialer.Dial(server, deadline, longest, onSocket);
        var input = new RespInput(transport);
        try
        {
            var talk = new GreetingTalk(transport, input, Describe(server), deadline, options.ConnectTimeout);
            return new LiveServer(server, transport, input, new RedisHandshake(options, credentials, talk).Run());
        }
        catch
        {
            input.Dispose();
            transport.Dispose();
            throw;
        }
    }

    // One that hangs must not use up the time of the others: tries are short at first, and longer with each attempt, as the machine may be slow.
    private static long Share(long left, int servers, int? attempt)
    {
        double share = (double)left / servers;
        return (long)Math.Max(1, attempt is int n ? Math.Min(share, _firstTry.TotalMilliseconds * Math.Pow(2, Math.Min(n, 10))) : share);
    }

    private string Describe(RedisEndpoint server) => options.Describe(server);
}
