using System.Globalization;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Redis.Tests.Support;

/// <summary>A real server with a TLS port, and a plain one for the test's own commands.</summary>
public sealed class TlsServer(RedisServer server, int port) : IAsyncDisposable
{
    public RedisServer Server { get; } = server;

    public int Port { get; } = port;

    /// <summary>Starts it with a certificate for <c>localhost</c> and the addresses of this machine, unless another is given.</summary>
    public static async Task<TlsServer> StartAsync(TestCertificates certificates, (string Certificate, string Key)? own = null, bool asksClients = false)
    {
        (string certificate, string key) = own ?? certificates.Make("server", ["localhost", "127.0.0.1"]);
        for (int attempt = 1; ; attempt++)
        {
            int port = RedisServer.FreePort();
            string[] arguments =
            [
                "--tls-port", port.ToString(CultureInfo.InvariantCulture), "--tls-cert-file", certificate, "--tls-key-file", key,
                "--tls-ca-cert-file", certificates.AuthorityFile, "--tls-auth-clients", asksClients ? "yes" : "no",
            ];
            try
            {
                return new TlsServer(await RedisServer.StartAsync(new() { Arguments = arguments }), port);
            }
            catch (InvalidOperationException) when (attempt < 5)
            {
                // Somebody else took the port in the meantime.
            }
        }
    }

    public string Uri(string host = "127.0.0.1", string query = "") => $"rediss://{host}:{Port}{query}";

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
