using System.Collections.Concurrent;
using Npgsql;

namespace Latchwork.Postgres.Connections;

/// <summary>
/// Which servers keep a session for as long as its connection lives, so that statements may be prepared. Where a pooler gives each transaction another
/// session (PgBouncer), it answers the connection itself, and the process id that it names is not that of a server process.
/// </summary>
internal sealed class SessionKinds
{
    private readonly ConcurrentDictionary<(string? Host, int Port), bool> _keepsSessions = new();

    /// <summary>Asks a new connection of the store, which costs one statement. The last answer of an address counts: a pooler may come or go.</summary>
    public void Learn(NpgsqlConnection connection, int timeout)
    {
        using var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection) { CommandTimeout = timeout };
        _keepsSessions[(connection.Host, connection.Port)] = (int)command.ExecuteScalar()! == connection.ProcessID;
    }

    /// <summary>
    /// Whether a statement may be prepared on a connection: on those of the store, and on an application's to the same address. When the application's pool
    /// takes back a connection that has prepared statements, it keeps them; otherwise it resets the session with <c>DISCARD ALL</c>, which throws away the
    /// plans of all functions, and the next transaction would spend more than a millisecond on planning.
    /// </summary>
    public bool CanPrepare(NpgsqlConnection connection) => _keepsSessions.GetValueOrDefault((connection.Host, connection.Port));
}
