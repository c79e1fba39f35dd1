using System.Globalization;
using System.Text.Json.Nodes;
using Hangfire;
using Hangfire.InMemory;
using Hangfire.Redis.StackExchange;
using StackExchange.Redis;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>
/// Hangfire on Redis (Hangfire.Redis.StackExchange) or in memory: a scheduled job an event. Its defaults look for due jobs every 15 s; the shortest that its
/// documentation names is a second.
/// </summary>
internal sealed class HangfireContender : IContender
{
    private static readonly LatenessRecord _lateness = new();
    private static int _handled;
    private readonly IConnectionMultiplexer? _multiplexer;
    private readonly List<BackgroundJobServer> _servers = [];
    private JobStorage _storage = null!;
    private BackgroundJobClient _client = null!;

    private HangfireContender(IConnectionMultiplexer? multiplexer)
    {
        _multiplexer = multiplexer;
        Open("jobs");
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = request =>
            {
                Open(request.Word("ns"));
                return Task.FromResult<JsonObject?>(null);
            },
            ["posts"] = async request => await Loops.ClosedAsync(request, () => PostAsync(3_600_000)),
            ["listen"] = request =>
            {
                _lateness.Clear();
                Listen(request.Number("poll", 15), request.Count("workers", 20));
                return Task.FromResult<JsonObject?>(null);
            },
            ["pour"] = async request => await Loops.OpenAsync(request, PostAsync),
            ["lateness"] = async request => await _lateness.TellAsync(request),
            ["unlisten"] = _ =>
            {
                Unlisten();
                return Task.FromResult<JsonObject?>(null);
            },
            ["fill"] = FillAsync,
            ["drain"] = DrainAsync,
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    /// <param name="store"><c>memory</c>, or the port of a Redis server.</param>
    public static async Task<HangfireContender> OpenAsync(string store)
    {
        // Its calls block threads; without enough of them the client's replies would wait, and posts fail with timeouts.
        ThreadPool.SetMinThreads(160, 160);
        return new HangfireContender(store == "memory" ? null : await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{store}"));
    }

    public static void Run(double due, string payload)
    {
        _lateness.Add(Loops.Now - due);
        Interlocked.Increment(ref _handled);
        GC.KeepAlive(payload);
    }

    public async ValueTask DisposeAsync()
    {
        Unlisten();
        if (_multiplexer is not null) await _multiplexer.DisposeAsync();
    }

    private void Open(string ns)
    {
        _storage = _multiplexer is null
            ? new InMemoryStorage()
            : new RedisStorage(_multiplexer, new RedisStorageOptions { Prefix = $"hangfire:{ns}:" });
        _client = new BackgroundJobClient(_storage);
    }

    private void Listen(double poll, int workers) => _servers.Add(new BackgroundJobServer(
        new BackgroundJobServerOptions { SchedulePollingInterval = TimeSpan.FromSeconds(poll), WorkerCount = workers, ServerName = string.Create(CultureInfo.InvariantCulture, $"s{_servers.Count}") },
        _storage));

    private void Unlisten()
    {
        foreach (BackgroundJobServer server in _servers) server.SendStop();
        foreach (BackgroundJobServer server in _servers) server.Dispose();
        _servers.Clear();
    }

    // Its interface for posting is synchronous, so callers are threads.
    private Task PostAsync(double delay)
    {
        double due = Loops.Now + delay;
        return Task.Run(() => _client.Schedule(() => Run(due, Payload), TimeSpan.FromMilliseconds(delay)));
    }

    private static string Payload { get; } = new('x', LatenessRecord.PayloadBytes - sizeof(double));

    private async Task<JsonObject?> FillAsync(JsonObject request)
    {
        double due = Loops.Now;
        await Parallel.ForAsync(0, request.Count("count"), new ParallelOptions { MaxDegreeOfParallelism = 32 }, (_, _) =>
        {
            _client.Schedule(() => Run(due, Payload), TimeSpan.FromMilliseconds(1));
            return ValueTask.CompletedTask;
        });
        return null;
    }

    private async Task<JsonObject?> DrainAsync(JsonObject request)
    {
        int count = request.Count("count");
        Interlocked.Exchange(ref _handled, 0);
        double start = Loops.Monotonic;
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        Listen(request.Number("poll", 1), request.Count("workers", 20));
        await Loops.UntilAsync(() => Volatile.Read(ref _handled) >= count, request.Number("limit", 30));
        double seconds = (Loops.Monotonic - start) / 1e6;
        double used = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds;
        int handled = Math.Max(1, Volatile.Read(ref _handled));
        Unlisten();
        return new JsonObject { ["count"] = handled, ["rate"] = handled / seconds, ["cpuPerCall"] = used / handled };
    }
}
