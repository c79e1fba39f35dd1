using System.Buffers.Binary;
using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>How late events came, by the wall clock: from the moment at which the poster wanted them to their handler.</summary>
internal sealed class LatenessRecord
{
    public const int PayloadBytes = 200;
    private readonly Lock _gate = new();
    private readonly List<double> _all = new(1 << 16);

    /// <summary>A payload that knows when it is due.</summary>
    public static byte[] Payload(double due)
    {
        byte[] payload = new byte[PayloadBytes];
        BinaryPrimitives.WriteDoubleLittleEndian(payload, due);
        return payload;
    }

    public void Add(ReadOnlySpan<byte> payload) => Add(Loops.Now - BinaryPrimitives.ReadDoubleLittleEndian(payload));

    public void Add(double lateness)
    {
        lock (_gate) _all.Add(lateness);
    }

    public void Clear()
    {
        lock (_gate) _all.Clear();
    }

    /// <summary>Waits for a number of events, but not forever; then says how late they were.</summary>
    public async Task<JsonObject> TellAsync(JsonObject request)
    {
        int expected = request.Count("expect");
        double limit = request.Number("limit", 10);
        bool all = await Loops.UntilAsync(() => Count >= expected, limit);
        lock (_gate)
        {
            int missing = all ? 0 : expected - _all.Count;

            // What has not come is at least so late; left out, it would make the others look good.
            JsonObject answer = Loops.Percentiles(_all.Concat(Enumerable.Repeat(limit * 1000, missing)));
            answer["missing"] = missing;
            return answer;
        }
    }

    private int Count
    {
        get
        {
            lock (_gate) return _all.Count;
        }
    }
}
