using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using NpgsqlTypes;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>
/// The raw limits: binary COPY of the rows that the store writes into a table of the same columns and indexes, and commits of a user without any post.
/// It checks nothing, wakes nobody and answers nobody.
/// </summary>
internal sealed class RawPostgresContender : IContender
{
    private const string Copy = "COPY raw_events (partition_id, state, retries, max_retries, due, id, payload) FROM STDIN (FORMAT BINARY)";
    private readonly byte[] _payload = new byte[LatenessRecord.PayloadBytes];
    private NpgsqlDataSource? _source;

    public RawPostgresContender()
    {
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = OpenAsync,
            ["close"] = async _ =>
            {
                await DisposeAsync();
                return null;
            },
            ["bulk"] = async request =>
            {
                int batch = request.Count("batch");
                return await Loops.ClosedAsync(request, () => CopyAsync(batch), batch);
            },
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public async ValueTask DisposeAsync()
    {
        if (_source is not null) await _source.DisposeAsync();
        _source = null;
    }

    private async Task<JsonObject?> OpenAsync(JsonObject request)
    {
        string connection = request.Word("connection");
        await (await PostgresStore.OpenAsync(connection)).DisposeAsync();
        _source = NpgsqlDataSource.Create(connection);
        await using NpgsqlCommand create = _source.CreateCommand("CREATE TABLE raw_events (LIKE latchwork.timer_events INCLUDING ALL)");
        await create.ExecuteNonQueryAsync();
        return null;
    }

    private async Task CopyAsync(int batch)
    {
        long due = (long)Loops.Now + 3_600_000;
        await using NpgsqlConnection connection = await _source!.OpenConnectionAsync();
        await using NpgsqlBinaryImporter rows = await connection.BeginBinaryImportAsync(Copy);
        for (int i = 0; i < batch; i++)
        {
            await rows.StartRowAsync();
            await rows.WriteAsync(1, NpgsqlDbType.Integer);
            await rows.WriteAsync((short)0, NpgsqlDbType.Smallint);
            await rows.WriteAsync(0, NpgsqlDbType.Integer);
            await rows.WriteAsync(10, NpgsqlDbType.Integer);
            await rows.WriteAsync(due, NpgsqlDbType.Bigint);
            await rows.WriteAsync(Encoding.ASCII.GetBytes(Guid.CreateVersion7().ToString()), NpgsqlDbType.Bytea);
            await rows.WriteAsync(_payload, NpgsqlDbType.Bytea);
        }

        await rows.CompleteAsync();
    }
}
