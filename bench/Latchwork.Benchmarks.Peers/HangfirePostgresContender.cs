using System.Text.Json.Nodes;
using Hangfire;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>
/// Hangfire.PostgreSql: a scheduled job an event, and enqueued ones for a drain. Its defaults are 20 workers that look for due jobs every 15 s; with
/// <c>best</c> there are 64, they look every second, which is the shortest interval that its documentation names, and are notified of enqueued jobs.
/// </summary>
internal sealed class HangfirePostgresContender : IContender
{
    private static readonly EventLog _events = new();
    private PostgreSqlStorage? _storage;
    private BackgroundJobClient? _client;
    private BackgroundJobServer? _server;
    private bool _best;

    public HangfirePostgresContender()
    {
        // Its calls block threads.
        ThreadPool.SetMinThreads(160, 160);
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = OpenAsync,
            ["close"] = _ => Done(Close),
            ["posts"] = async request => await Loops.ClosedAsync(request, () => ScheduleAsync(0, 3_600_000)),
            ["fill"] = FillAsync,
            ["drain"] = request => _events.DrainAsync(request, () => Done(Listen)),
            ["listen"] = _ => Done(Listen),
            ["pour"] = async request => await Loops.OpenAsync(request, delay => ScheduleAsync(_events.NextNumber(), delay)),
            ["wait"] = _events.WaitAsync,
            ["unlisten"] = _ => Done(Unlisten),
            ["taken"] = _events.TakenAsync,
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public static void Run(int number, double due, string payload)
    {
        _events.Add(number, due);
        GC.KeepAlive(payload);
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    private static string Payload { get; } = new('x', LatenessRecord.PayloadBytes - sizeof(double) - sizeof(int));

    private static Task<JsonObject?> Done(Action action)
    {
        action();
        return Task.FromResult<JsonObject?>(null);
    }

    private Task<JsonObject?> OpenAsync(JsonObject request)
    {
        Close();
        _events.Clear();
        _best = request["best"]!.GetValue<bool>();
        var options = new PostgreSqlStorageOptions();
        if (_best) (options.EnableLongPolling, options.QueuePollInterval) = (true, TimeSpan.FromSeconds(1));
        // Each thread that posts holds a connection meanwhile, and there are more threads than a pool has connections by default.
        string connection = request.Word("connection") + ";Maximum Pool Size=200;Timeout=60";
        _storage = new PostgreSqlStorage(new NpgsqlConnectionFactory(connection, options), options);
        _client = new BackgroundJobClient(_storage);
        return Task.FromResult<JsonObject?>(null);
    }

    private void Close()
    {
        Unlisten();
        Npgsql.NpgsqlConnection.ClearAllPools();
    }

    private void Listen()
    {
        BackgroundJobServerOptions options = _best ? new() { WorkerCount = 64, SchedulePollingInterval = TimeSpan.FromSeconds(1) } : new() { WorkerCount = 20 };
        _server = new BackgroundJobServer(options, _storage);
    }

    private void Unlisten()
    {
        _server?.SendStop();
        _server?.Dispose();
        _server = null;
    }

    // Its interface for posting is synchronous, so callers are threads.
    private Task ScheduleAsync(int number, double delay)
    {
        double due = Loops.Now + delay;
        return Task.Run(() => _client.Schedule(() => Run(number, due, Payload), TimeSpan.FromMilliseconds(delay)));
    }

    private async Task<JsonObject?> FillAsync(JsonObject request)
    {
        double due = Loops.Now;
        await Parallel.ForAsync(0, request.Count("count"), new ParallelOptions { MaxDegreeOfParallelism = 32 }, (_, _) =>
        {
            int number = _events.NextNumber();
            _client.Enqueue(() => Run(number, due, Payload));
            return ValueTask.CompletedTask;
        });
        return null;
    }
}
