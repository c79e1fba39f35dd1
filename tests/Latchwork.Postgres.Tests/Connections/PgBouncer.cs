using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Postgres.Tests.Connections;

/// <summary>A PgBouncer in transaction mode in front of a server: each transaction of a connection may run in another session.</summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;

    private PgBouncer(Process process, string folder, int port) => (_process, _folder, Port) = (process, folder, port);

    public int Port { get; }

    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=postgres;Database=postgres");

    public static async Task<PgBouncer> StartAsync(PostgresServer server)
    {
        string folder = Directory.CreateTempSubdirectory("lw-pgbouncer-").FullName, file = Path.Combine(folder, "pgbouncer.ini");
        int port = RedisServer.FreePort();
        await File.WriteAllTextAsync(file, string.Create(
            CultureInfo.InvariantCulture,
            $"""
            [databases]
            postgres = host=127.0.0.1 port={server.Port} user=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 6
            server_round_robin = 1
            """));
        PostgresProgram.Give(folder);
        Process process = Process.Start(PostgresProgram.Start(Array.Find(["/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer"], File.Exists) ?? "pgbouncer", [file]))
            ?? throw new InvalidOperationException("pgbouncer could not be started.");
        process.ErrorDataReceived += static (_, _) => { };
        process.OutputDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var pooler = new PgBouncer(process, folder, port);
        await Eventually.HoldsAsync(pooler.Answers, "pgbouncer answers");
        return pooler;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private bool Answers()
    {
        if (_process.HasExited) throw new InvalidOperationException("pgbouncer has ended.");
        try
        {
            using var client = new TcpClient("127.0.0.1", Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
