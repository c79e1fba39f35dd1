using System.Globalization;
using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>What is asked of every lock: pairs of acquiring and releasing, somebody who holds a key, and those who wait for it.</summary>
/// <param name="acquire">Acquires a key, however long that takes; what it gives releases the key.</param>
internal sealed class LockCallers(Func<string, Task<IAsyncDisposable>> acquire)
{
    private IAsyncDisposable? _held;
    private Task<double>[] _waiting = [];
    private int _keys;

    /// <summary>Its verbs, for a contender that has others, too.</summary>
    public void AddTo(Dictionary<string, Func<JsonObject, Task<JsonObject?>>> verbs)
    {
        verbs["pairs"] = async request => await Loops.ClosedAsync(request, async () =>
        {
            await using (await acquire(string.Create(CultureInfo.InvariantCulture, $"p{Environment.ProcessId}-{Interlocked.Increment(ref _keys)}")))
            {
            }
        });
        verbs["lock"] = async request =>
        {
            _held = await acquire(request.Word("key"));
            return null;
        };
        verbs["unlock"] = async _ =>
        {
            double at = Loops.Monotonic;
            await _held!.DisposeAsync();
            return new JsonObject { ["at"] = at };
        };
        verbs["queue"] = request =>
        {
            string key = request.Word("key");
            _waiting = [.. Enumerable.Range(0, request.Count("count")).Select(_ => Task.Run(async () =>
            {
                await using (await acquire(key)) return Loops.Monotonic;
            }))];
            return Task.FromResult<JsonObject?>(null);
        };
        verbs["acquired"] = async _ => new JsonObject { ["times"] = new JsonArray([.. (await Task.WhenAll(_waiting)).Select(time => (JsonNode)time)]) };
    }
}

/// <summary>What is asked of everything that runs a factory once for many callers.</summary>
/// <param name="getOrRun">Gets the value of a key, or runs the factory.</param>
internal sealed class StampedeCallers(Func<string, Func<Task<byte[]>>, Task<byte[]>> getOrRun)
{
    private Task<double>[] _calls = [];
    private double _ranAt;
    private int _runs;

    public void AddTo(Dictionary<string, Func<JsonObject, Task<JsonObject?>>> verbs)
    {
        verbs["stampede"] = request =>
        {
            string key = request.Word("key");
            TimeSpan work = TimeSpan.FromMilliseconds(request.Number("work", 300));
            (_ranAt, _runs) = (0, 0);
            _calls = [.. Enumerable.Range(0, request.Count("count")).Select(_ => Task.Run(async () =>
            {
                await getOrRun(key, async () =>
                {
                    Interlocked.Increment(ref _runs);
                    await Task.Delay(work);
                    _ranAt = Loops.Monotonic;
                    return new byte[LatenessRecord.PayloadBytes];
                });
                return Loops.Monotonic;
            }))];
            return Task.FromResult<JsonObject?>(null);
        };
        verbs["served"] = async _ =>
        {
            double[] times = await Task.WhenAll(_calls);
            return new JsonObject { ["times"] = new JsonArray([.. times.Select(time => (JsonNode)time)]), ["ran"] = _ranAt, ["runs"] = _runs };
        };
    }
}
