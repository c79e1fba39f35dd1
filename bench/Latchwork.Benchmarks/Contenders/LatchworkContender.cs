using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>Latchwork, through its public API, on any store. Each listener has a store, and so a connection, of its own.</summary>
internal sealed partial class LatchworkContender : IContender
{
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);
    private static readonly byte[] _payload = new byte[LatenessRecord.PayloadBytes];
    private readonly string _uri;
    private readonly LatchworkStore _store;
    private readonly List<(DistributedTimer Timer, LatchworkStore Store)> _listeners = [];
    private readonly LatenessRecord _lateness = new();
    private DistributedTimer _timer;

    private LatchworkContender(string uri, LatchworkStore store)
    {
        _uri = uri;
        _store = store;
        _timer = new DistributedTimer(store);
        _locker = new ProcessLocker(store);
        var verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = OpenAsync,
            ["posts"] = async request => await Loops.ClosedAsync(request, () => _timer.PostAsync(_payload, _hour)),
            ["bulk"] = BulkAsync,
            ["fill"] = FillAsync,
            ["drain"] = DrainAsync,
            ["listen"] = ListenAsync,
            ["pour"] = async request => await Loops.OpenAsync(request, PostDueAsync),
            ["lateness"] = async request => await _lateness.TellAsync(request),
            ["forget"] = _ => Done(_lateness.Clear),
            ["unlisten"] = UnlistenAsync,
            ["claim"] = ClaimAsync,
            ["confirm"] = ConfirmAsync,
            ["grow"] = GrowAsync,
            ["sample"] = SampleAsync,
            ["rest"] = RestAsync,
            ["once"] = OnceAsync,
            ["hold"] = HoldAsync,
            ["publish"] = PublishAsync,
            ["wait"] = WaitAsync,
            ["woke"] = WokeAsync,
            ["round-trip"] = RoundTripAsync,
        };
        new LockCallers(async key => await _locker.AcquireAsync(key)).AddTo(verbs);
        new StampedeCallers(async (key, run) => (await _locker.RunOnceAsync(key, async (_, _) => (byte[]?)await run()))!).AddTo(verbs);
        Verbs = verbs;
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public static async Task<LatchworkContender> OpenAsync(string uri) => new(uri, await OpenStoreAsync(uri));

    public async ValueTask DisposeAsync()
    {
        await UnlistenAsync([]);
        await _timer.DisposeAsync();
        await _locker.DisposeAsync();
        await _store.DisposeAsync();
    }

    private static async Task<LatchworkStore> OpenStoreAsync(string uri)
    {
        if (uri == "memory:") return new InMemoryStore();
        if (uri.StartsWith("sqlite:", StringComparison.Ordinal)) return await SqliteStore.OpenAsync(uri["sqlite:".Length..]);
        return await RedisStore.ConnectAsync(uri);
    }

    private static Task<JsonObject?> Done(Action action)
    {
        action();
        return Task.FromResult<JsonObject?>(null);
    }

    private async Task<JsonObject?> OpenAsync(JsonObject request)
    {
        await UnlistenAsync(request);
        await _timer.DisposeAsync();
        _timer = new DistributedTimer(_store, new() { Namespace = request.Word("ns") });
        await _timer.GetStatsAsync();
        return null;
    }

    private async Task<JsonObject?> BulkAsync(JsonObject request)
    {
        TimerPost[] posts = new TimerPost[request.Count("batch")];
        Array.Fill(posts, new TimerPost(_payload, _hour));
        return await Loops.ClosedAsync(request, () => _timer.PostAsync(posts), posts.Length);
    }

    /// <summary>Posts a number of events that are due immediately.</summary>
    private async Task<JsonObject?> FillAsync(JsonObject request)
    {
        long start = Stopwatch.GetTimestamp();
        int count = request.Count("count");
        foreach (TimerPost[] posts in Enumerable.Repeat(new TimerPost(_payload, TimeSpan.Zero), count).Chunk(1000)) await _timer.PostAsync(posts);
        return new JsonObject { ["rate"] = count / Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    /// <summary>Joins, handles a number of events that are due, and ends when the last confirmation was acknowledged.</summary>
    private async Task<JsonObject?> DrainAsync(JsonObject request)
    {
        int count = request.Count("count"), handled = 0;
        await using var listener = new DistributedTimer(_store, Options(request, _timer.Namespace));
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        long start = Stopwatch.GetTimestamp();
        await listener.JoinAsync((_, _) =>
        {
            if (Interlocked.Increment(ref handled) == count) last.TrySetResult();
            return Task.CompletedTask;
        });
        await last.Task.WaitAsync(TimeSpan.FromSeconds(request.Number("limit", 60))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while ((await _timer.GetStatsAsync()).InFlight > 0 && last.Task.IsCompleted) await Task.Delay(1);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new JsonObject
        {
            ["count"] = handled,
            ["rate"] = handled / seconds,
            ["cpuPerCall"] = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / handled,
            ["allocatedPerCall"] = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)handled,
        };
    }

    private async Task<JsonObject?> ListenAsync(JsonObject request)
    {
        _lateness.Clear();
        for (int i = request.Count("listeners"); i > 0; i--)
        {
            LatchworkStore store = _uri == "memory:" ? _store : await OpenStoreAsync(_uri);
            var timer = new DistributedTimer(store, Options(request, request.Word("ns")));
            _listeners.Add((timer, store));
            await timer.JoinAsync((delivery, _) =>
            {
                _lateness.Add(delivery.Payload.Span);
                return Task.CompletedTask;
            });
        }

        return null;
    }

    private Task PostDueAsync(double delay) => _timer.PostAsync(LatenessRecord.Payload(Loops.Now + delay), TimeSpan.FromMilliseconds(delay));

    private async Task<JsonObject?> UnlistenAsync(JsonObject request)
    {
        foreach ((DistributedTimer timer, LatchworkStore store) in _listeners)
        {
            await timer.DisposeAsync();
            if (store != _store) await store.DisposeAsync();
        }

        _listeners.Clear();
        return null;
    }

    private static async Task<JsonObject?> RestAsync(JsonObject request)
    {
        await Task.Delay(TimeSpan.FromSeconds(request.Number("seconds", 1)));
        return null;
    }

    // What is not asked for is as a user would have it.
    private static TimerOptions Options(JsonObject request, string ns) => new()
    {
        Namespace = ns,
        MaxEvents = request.Count("maxEvents", TimerOptions.DefaultMaxEvents),
        MaxInFlight = request.Count("maxInFlight", TimerOptions.DefaultMaxInFlight),
        CompletedRetention = TimeSpan.FromHours(request.Number("keepCompletedHours", 0)),
    };
}
