using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Sections;
using Npgsql;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>Latchwork on PostgreSQL, through its public API. With <c>best</c>, its listeners are tuned for throughput; otherwise all is as a user has it.</summary>
internal sealed partial class LatchworkPostgresContender : IContender
{
    private const string Namespace = "bench";
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);
    private readonly EventLog _events = new();
    private PostgresStore? _store;
    private DistributedTimer? _timer;
    private DistributedTimer? _listener;
    private string _connection = "";
    private bool _best;

    public LatchworkPostgresContender()
    {
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = OpenAsync,
            ["close"] = async _ =>
            {
                await CloseAsync();
                return null;
            },
            ["posts"] = async request => await Loops.ClosedAsync(request, () => Timer.PostAsync(Payload(0, 0), _hour)),
            ["bulk"] = async request =>
            {
                int batch = request.Count("batch");
                return await Loops.ClosedAsync(request, () => Timer.PostAsync([.. Enumerable.Range(0, batch).Select(_ => new TimerPost(Payload(0, 0), _hour))]), batch);
            },
            ["fill"] = FillAsync,
            ["drain"] = request => _events.DrainAsync(request, ListenAsync, SettledAsync),
            ["listen"] = async _ =>
            {
                await ListenAsync();
                return null;
            },
            ["pour"] = async request => await Loops.OpenAsync(request, delay => Timer.PostAsync(Payload(_events.NextNumber(), Loops.Now + delay), TimeSpan.FromMilliseconds(delay))),
            ["wait"] = _events.WaitAsync,
            ["unlisten"] = async _ =>
            {
                await UnlistenAsync();
                return null;
            },
            ["taken"] = _events.TakenAsync,
            ["commits"] = CommitsAsync,
            ["flow"] = FlowAsync,
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public ValueTask DisposeAsync() => new(CloseAsync());

    private DistributedTimer Timer => _timer ?? throw new InvalidOperationException("Open comes first.");

    private async Task<JsonObject?> OpenAsync(JsonObject request)
    {
        await CloseAsync();
        _events.Clear();
        _connection = request.Word("connection");
        _best = request["best"]!.GetValue<bool>();
        _store = await PostgresStore.OpenAsync(_connection);
        _timer = new DistributedTimer(_store, new() { Namespace = Namespace });
        await _timer.GetStatsAsync();
        return null;
    }

    private async Task CloseAsync()
    {
        await UnlistenAsync();
        if (_timer is not null) await _timer.DisposeAsync();
        if (_store is not null) await _store.DisposeAsync();
        (_timer, _store) = (null, null);
    }

    private async Task<JsonObject?> FillAsync(JsonObject request)
    {
        double due = Loops.Now;
        foreach (int[] numbers in Enumerable.Range(0, request.Count("count")).Select(_ => _events.NextNumber()).Chunk(1000))
            await Timer.PostAsync([.. numbers.Select(number => new TimerPost(Payload(number, due), TimeSpan.Zero))]);
        return null;
    }

    private async Task ListenAsync()
    {
        _listener = new DistributedTimer(_store!, ListenerOptions());
        await _listener.JoinAsync((delivery, _) =>
        {
            ReadOnlySpan<byte> payload = delivery.Payload.Span;
            _events.Add(BinaryPrimitives.ReadInt32LittleEndian(payload[8..]), BinaryPrimitives.ReadDoubleLittleEndian(payload));
            return Task.CompletedTask;
        });
    }

    private TimerOptions ListenerOptions() => _best
        ? new() { Namespace = Namespace, MaxEvents = Names.TunedMaxEvents, MaxInFlight = Names.TunedMaxInFlight }
        : new() { Namespace = Namespace };

    private async Task SettledAsync()
    {
        while ((await Timer.GetStatsAsync()).InFlight > 0) await Task.Delay(1);
    }

    private async Task UnlistenAsync()
    {
        if (_listener is not null) await _listener.DisposeAsync();
        _listener = null;
    }

    /// <summary>Callers that each commit a row of their own again and again; with <c>post</c>, each transaction posts an event, too.</summary>
    private async Task<JsonObject?> CommitsAsync(JsonObject request)
    {
        bool post = request["post"]!.GetValue<bool>();
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(_connection);
        await using (NpgsqlCommand create = source.CreateCommand("CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL)"))
            await create.ExecuteNonQueryAsync();
        return await Loops.ClosedAsync(request, async () =>
        {
            await using NpgsqlConnection connection = await source.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            await using var insert = new NpgsqlCommand("INSERT INTO orders (what) VALUES ('an order')", connection, transaction);
            await insert.ExecuteNonQueryAsync();
            if (post) await Timer.WithTransaction(transaction).PostAsync(Payload(0, 0), _hour);
            await transaction.CommitAsync();
        });
    }

    /// <summary>A payload that knows its number and when it is due.</summary>
    private static byte[] Payload(int number, double due)
    {
        byte[] payload = LatenessRecord.Payload(due);
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(8), number);
        return payload;
    }
}
