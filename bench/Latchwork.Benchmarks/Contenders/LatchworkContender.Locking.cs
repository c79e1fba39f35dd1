using System.Text.Json.Nodes;
using Latchwork.Redis;
using Latchwork.Redis.Connections;

namespace Latchwork.Benchmarks.Contenders;

/// <content>The process locker, and the round trip that everything is made of.</content>
internal sealed partial class LatchworkContender
{
    private readonly ProcessLocker _locker;
    private WorkLease? _lease;
    private Task<double>[] _waiting = [];
    private double _ranAt;
    private int _keys;

    /// <summary>Runs of which nobody else knows: a request and a publication each.</summary>
    private async Task<JsonObject?> OnceAsync(JsonObject request) => await Loops.ClosedAsync(request, () =>
        _locker.RunOnceAsync($"k{Environment.ProcessId}-{Interlocked.Increment(ref _keys)}", (_, _) => Task.FromResult<byte[]?>(_payload)));

    private async Task<JsonObject?> HoldAsync(JsonObject request)
    {
        RequestResult result = await _locker.RequestAsync(request.Word("key"));
        _lease = result.Lease ?? throw new InvalidOperationException("Somebody else has the key.");
        return null;
    }

    private async Task<JsonObject?> PublishAsync(JsonObject request)
    {
        double at = Loops.Monotonic;
        if (await _lease!.PublishAsync(_payload) != PublishOutcome.Accepted) throw new InvalidOperationException("The publication was refused.");
        return new JsonObject { ["at"] = at };
    }

    /// <summary>That many callers wait for a key; if the owner dies, one of them does the work.</summary>
    private Task<JsonObject?> WaitAsync(JsonObject request)
    {
        string key = request.Word("key");
        _ranAt = 0;
        _waiting = [.. Enumerable.Range(0, request.Count("count")).Select(async _ =>
        {
            await _locker.RunOnceAsync(key, (_, _) =>
            {
                _ranAt = Loops.Monotonic;
                return Task.FromResult<byte[]?>(_payload);
            });
            return Loops.Monotonic;
        })];
        return Task.FromResult<JsonObject?>(null);
    }

    private async Task<JsonObject?> WokeAsync(JsonObject request)
    {
        double[] times = await Task.WhenAll(_waiting);
        return new JsonObject { ["times"] = new JsonArray([.. times.Select(time => (JsonNode)time)]), ["ran"] = _ranAt };
    }

    /// <summary>The least that any call costs: a script that does nothing, on the library's own connection, awaited as the library does.</summary>
    private async Task<JsonObject?> RoundTripAsync(JsonObject request)
    {
        var options = new RedisOptions();
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisConnectionString.Read(_uri, options, []), options, CancellationToken.None);
        var nothing = new RedisScript("nothing", "return 1");
        return await Loops.ClosedAsync(request, async () => await connection.EvaluateAsync(nothing, [], [], CancellationToken.None));
    }
}
