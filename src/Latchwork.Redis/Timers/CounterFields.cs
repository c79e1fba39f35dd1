using System.Buffers.Binary;

namespace Latchwork.Redis.Timers;

/// <summary>The counters of a partition as the scripts keep them: see partition.lua.</summary>
internal static class CounterFields
{
    private const int SlotNumbers = 1 + CounterRing.Width, NowNumbers = 1 + 2 * CounterRing.Width;

    /// <summary>Reads a reply of MoveCounters.</summary>
    public static TimerCounters Read(RedisReply reply) => Read(reply, 2, TimerCodec.Now(reply[0], reply[1]));

    /// <summary>Reads the fields of the hash.</summary>
    /// <param name="fields">Names and values in turn.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="now">Now.</param>
    public static TimerCounters Read(RedisReply fields, int first, StoreTime now)
    {
        long[] current = new long[NowNumbers], before = new long[CounterRing.Width];
        var slots = new List<CounterSlot>();
        for (int i = first; i < fields.Length; i += 2)
        {
            string name = fields[i].Text;
            ReadOnlySpan<byte> value = fields[i + 1].Bytes.Span;
            if (name == "now" && value.Length == NowNumbers * sizeof(uint)) current = Numbers(value);
            else if (name == "base" && value.Length == CounterRing.Width * sizeof(double)) before = ReadTotals(value);
            else if (name[0] is 'm' or 'h' && value.Length == SlotNumbers * sizeof(uint) && Numbers(value) is var slot) slots.Add(new CounterSlot(name[0] == 'h', slot[0], slot[1..]));
        }

        return CounterRing.Of(current[0], current.AsSpan(1, CounterRing.Width), current.AsSpan(1 + CounterRing.Width), before).Read(now, slots);
    }

    /// <summary>The counters as arguments of a script that adds them: see transfer.lua.</summary>
    public static RedisValue[] ToArguments(TimerCounters counters)
    {
        byte[] totals = new byte[CounterRing.Width * sizeof(double)];
        long[] numbers = counters.Totals.ToNumbers();
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteDoubleLittleEndian(totals.AsSpan(i * sizeof(double)), numbers[i]);
        List<RedisValue> arguments = [totals];
        foreach ((bool isHour, long number, long[] counts) in CounterRing.SlotsOf(counters, shift: 0))
        {
            byte[] slot = new byte[SlotNumbers * sizeof(uint)];
            BinaryPrimitives.WriteUInt32LittleEndian(slot, (uint)number);
            for (int i = 0; i < counts.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan((i + 1) * sizeof(uint)), (uint)Math.Min(counts[i], uint.MaxValue));
            arguments.AddRange([isHour ? "h" : "m", slot]);
        }

        return [.. arguments];
    }

    private static long[] Numbers(ReadOnlySpan<byte> bytes)
    {
        long[] numbers = new long[bytes.Length / sizeof(uint)];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * sizeof(uint))..]);
        return numbers;
    }

    private static long[] ReadTotals(ReadOnlySpan<byte> bytes)
    {
        long[] numbers = new long[CounterRing.Width];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = (long)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(i * sizeof(double))..]);
        return numbers;
    }
}
