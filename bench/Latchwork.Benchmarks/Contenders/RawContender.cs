using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>
/// The raw limit: what any design on a sorted set and a hash must write for an event, ZADD and HSET, as plain commands in a pipeline. It checks
/// nothing, wakes nobody and answers nobody.
/// </summary>
internal sealed class RawContender : IContender
{
    private readonly RawConnection _connection;
    private readonly byte[] _payload = Encoding.ASCII.GetBytes(new string('x', LatenessRecord.PayloadBytes));
    private readonly byte[] _number = new byte[20];
    private byte[] _due = [];
    private byte[] _body = [];

    public RawContender(string store)
    {
        _connection = new RawConnection(new Uri(store).Port);
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = request => Done(() => (_due, _body) = (Encoding.UTF8.GetBytes($"{request.Word("ns")}:due"), Encoding.UTF8.GetBytes($"{request.Word("ns")}:body"))),
            ["posts"] = request => Task.FromResult<JsonObject?>(Timed(request, request.Count("inFlight"))),
            ["bulk"] = request => Task.FromResult<JsonObject?>(request["variadic"] is null ? Timed(request, request.Count("batch")) : TimedVariadic(request)),
            ["grow"] = request => Task.FromResult<JsonObject?>(Grow(request.Count("count"))),
            ["sample"] = request => Task.FromResult<JsonObject?>(Sample(request.Count("count"))),
            ["round-trip"] = request => Task.FromResult<JsonObject?>(RoundTrip(request)),
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public ValueTask DisposeAsync()
    {
        _connection.Dispose();
        return ValueTask.CompletedTask;
    }

    private static Task<JsonObject?> Done(Action action)
    {
        action();
        return Task.FromResult<JsonObject?>(null);
    }

    // Two halves of the window under way at a time, so that the server never waits for the client.
    private JsonObject Timed(JsonObject request, int window)
    {
        int half = Math.Max(1, window / 2);
        Run(request.Number("warmUp", 0.5));
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        long count = Run(request.Number("seconds", 1));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new JsonObject { ["count"] = count, ["rate"] = count / seconds, ["cpuPerCall"] = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / count };

        long Run(double seconds)
        {
            long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency), count = half;
            Pairs(half);
            while (Stopwatch.GetTimestamp() < end)
            {
                Pairs(half);
                _connection.Skip(half * 2);
                count += half;
            }

            _connection.Skip(half * 2);
            return count;
        }
    }

    // The same writes as one ZADD and one HSET a batch: what a server can do at best.
    private JsonObject TimedVariadic(JsonObject request)
    {
        int batch = request.Count("batch");
        long end = 0, count = 0, start = 0;
        foreach (double seconds in (double[])[request.Number("warmUp", 0.5), request.Number("seconds", 1)])
        {
            (count, start) = (0, Stopwatch.GetTimestamp());
            end = start + (long)(seconds * Stopwatch.Frequency);
            Variadic(batch);
            for (count = batch; Stopwatch.GetTimestamp() < end; count += batch)
            {
                Variadic(batch);
                _connection.Skip(2);
            }

            _connection.Skip(2);
        }

        return new JsonObject { ["count"] = count, ["rate"] = count / Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    private void Variadic(int count)
    {
        byte[][] ids = [.. Enumerable.Range(0, count).Select(_ => NewId())];
        _connection.Begin(2 + (2 * count));
        _connection.Add("ZADD"u8);
        _connection.Add(_due);
        foreach (byte[] id in ids)
        {
            _connection.Add(Due());
            _connection.Add(id);
        }

        _connection.Begin(2 + (2 * count));
        _connection.Add("HSET"u8);
        _connection.Add(_body);
        foreach (byte[] id in ids)
        {
            _connection.Add(id);
            _connection.Add(_payload);
        }

        _connection.Send();
    }

    private void Pairs(int count)
    {
        for (int i = 0; i < count; i++) Pair(NewId());
        _connection.Send();
    }

    private void Pair(byte[] id)
    {
        _connection.Begin(4);
        _connection.Add("ZADD"u8);
        _connection.Add(_due);
        _connection.Add(Due());
        _connection.Add(id);
        _connection.Begin(4);
        _connection.Add("HSET"u8);
        _connection.Add(_body);
        _connection.Add(id);
        _connection.Add(_payload);
    }

    private JsonObject Grow(int count)
    {
        const int Half = 500;
        long start = Stopwatch.GetTimestamp();
        int sent = 0;
        for (; sent < count; sent += Half)
        {
            Pairs(Half);
            if (sent > 0) _connection.Skip(Half * 2);
        }

        _connection.Skip(Half * 2);
        return new JsonObject { ["rate"] = sent / Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    private JsonObject Sample(int count)
    {
        byte[][] ids = [.. Enumerable.Range(0, count).Select(_ => NewId())];
        return new JsonObject
        {
            ["post"] = Rate(Pair),
            ["peek"] = Rate(id => Both("ZSCORE"u8, "HGET"u8, id)),
            ["cancel"] = Rate(id => Both("ZREM"u8, "HDEL"u8, id)),
        };

        double Rate(Action<byte[]> commands)
        {
            long start = Stopwatch.GetTimestamp();
            foreach (byte[][] window in ids.Chunk(64))
            {
                foreach (byte[] id in window) commands(id);
                _connection.Send();
                _connection.Skip(window.Length * 2);
            }

            return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private void Both(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, byte[] id)
    {
        _connection.Begin(3);
        _connection.Add(first);
        _connection.Add(_due);
        _connection.Add(id);
        _connection.Begin(3);
        _connection.Add(second);
        _connection.Add(_body);
        _connection.Add(id);
    }

    private JsonObject RoundTrip(JsonObject request)
    {
        string sha = _connection.Ask("SCRIPT", "LOAD", "return 1")!;
        long start = Stopwatch.GetTimestamp(), end = start + (long)(request.Number("seconds", 1) * Stopwatch.Frequency);
        int count = 0;
        for (; Stopwatch.GetTimestamp() < end; count++) _connection.Ask("EVALSHA", sha, "0");
        return new JsonObject { ["rate"] = count / Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    // Due at random within 1 to 30 days, as in the other contenders' growth.
    private ReadOnlySpan<byte> Due()
    {
        long due = (long)Loops.Now + Random.Shared.NextInt64(86_400_000, 30L * 86_400_000);
        Utf8Formatter.TryFormat(due, _number, out int written);
        return _number.AsSpan(0, written);
    }

    private static byte[] NewId() => Encoding.ASCII.GetBytes(Guid.CreateVersion7().ToString("D", CultureInfo.InvariantCulture));
}
