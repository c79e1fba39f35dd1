using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>Which numbered events the handlers of a contender saw, and how late. What is to be made of it is not the contender's business.</summary>
internal sealed class EventLog
{
    private readonly Lock _gate = new();
    private readonly List<(int Number, double Late)> _all = new(1 << 16);
    private readonly HashSet<int> _numbers = new(1 << 16);
    private int _posted = -1;

    /// <summary>The number of the next event that is posted.</summary>
    public int NextNumber() => Interlocked.Increment(ref _posted);

    /// <summary>Notes an event that a handler sees now.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="due">When it was due, in ms by the wall clock.</param>
    public void Add(int number, double due)
    {
        double late = Loops.Now - due;
        lock (_gate)
        {
            _all.Add((number, late));
            _numbers.Add(number);
        }
    }

    /// <summary>Forgets everything, and counts from 0 again.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _all.Clear();
            _numbers.Clear();
            _posted = -1;
        }
    }

    /// <summary>How many different numbers were seen.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _numbers.Count;
        }
    }

    /// <summary>Waits until <c>expect</c> numbers were seen, at most <c>limit</c> seconds.</summary>
    public async Task<JsonObject?> WaitAsync(JsonObject request)
    {
        await Loops.UntilAsync(() => Count >= request.Count("expect"), request.Number("limit", 10));
        return null;
    }

    /// <summary>Everything that was seen.</summary>
    public Task<JsonObject?> TakenAsync(JsonObject request)
    {
        lock (_gate)
        {
            return Task.FromResult<JsonObject?>(new JsonObject
            {
                ["numbers"] = new JsonArray([.. _all.Select(entry => (JsonNode)entry.Number)]),
                ["late"] = new JsonArray([.. _all.Select(entry => (JsonNode)Math.Round(entry.Late, 3))]),
            });
        }
    }

    /// <summary>Measures a drain: from now until <c>expect</c> numbers were seen and what is to follow has happened, at most <c>limit</c> seconds.</summary>
    /// <param name="request">expect and limit.</param>
    /// <param name="listen">Begins to handle.</param>
    /// <param name="settled">Waits until the last is confirmed, for those that can tell.</param>
    public async Task<JsonObject?> DrainAsync(JsonObject request, Func<Task> listen, Func<Task>? settled = null)
    {
        int expect = request.Count("expect");
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        await listen();
        bool all = await Loops.UntilAsync(() => Count >= expect, request.Number("limit", 10));
        if (all && settled is not null) await settled();
        double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
        int count = Count;
        return new JsonObject { ["count"] = count, ["rate"] = count / seconds };
    }
}
