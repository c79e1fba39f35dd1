using System.Buffers.Binary;

namespace Latchwork.Storage.Rules;

/// <summary>What is counted of a namespace of timers, in the order in which stores keep it. Dead letters come last, each at its reason.</summary>
internal enum TimerCounter
{
    Posted = 0,
    Replaced = 1,
    Cancelled = 2,
    Delivered = 3,
    Confirmed = 4,
    Failed = 5,
    HandedBack = 6,
    ExpiredLeases = 7,
    FirstDeadLetter = 8,
}

/// <summary>A minute or an hour that is over, as it is kept.</summary>
/// <param name="IsHour">Which of the two.</param>
/// <param name="Number">Its number since 1970-01-01 UTC.</param>
/// <param name="Counts">What was counted in it.</param>
internal readonly record struct CounterSlot(bool IsHour, long Number, long[] Counts);

/// <summary>
/// The counters of one partition: those of the minute in which something was last counted, of the other minutes of its hour, and of all before. Minutes and hours that are over are slots,
/// which the store keeps: <see cref="Minutes"/> and <see cref="Hours"/> of them, each in the place of its number modulo that.
/// </summary>
/// <remarks>The stores in memory and on SQLite run this code. It is also the readable model of the counters in partition.lua and of the functions on PostgreSQL. Not safe for several threads.</remarks>
internal sealed class CounterRing
{
    /// <summary>How many things are counted.</summary>
    public const int Width = 13;

    /// <summary>How many minutes are kept, the one that is not over included.</summary>
    public const int Minutes = 60;

    /// <summary>How many hours are kept, the one that is not over included.</summary>
    public const int Hours = 48;

    private const long MillisecondsInMinute = 60_000, MinutesInHour = 60;
    private const int SavedLength = sizeof(long) * (1 + 3 * Width);

    private readonly long[] _minuteCounts = new long[Width], _hourCounts = new long[Width], _before = new long[Width];
    private long _minute;

    /// <summary>Whether nothing was ever counted.</summary>
    public bool IsEmpty => _minute == 0;

    /// <summary>Counts what happened at a time.</summary>
    /// <param name="counts">How much of each.</param>
    /// <param name="now">Now.</param>
    /// <param name="keep">Keeps a minute or an hour that is over.</param>
    public void Count(ReadOnlySpan<long> counts, StoreTime now, Action<CounterSlot> keep)
    {
        MoveTo(now.Milliseconds / MillisecondsInMinute, keep);
        Add(_minuteCounts, counts);
    }

    /// <summary>Adds the counters that a namespace had elsewhere. Minutes and hours that have not begun here, or are not kept any more, are only in the totals.</summary>
    /// <param name="other">The counters.</param>
    /// <param name="now">Now.</param>
    /// <param name="find">Finds what is kept of a minute or an hour; null if nothing is.</param>
    /// <param name="keep">Keeps a minute or an hour that is over.</param>
    public void Add(TimerCounters other, StoreTime now, Func<bool, long, long[]?> find, Action<CounterSlot> keep)
    {
        MoveTo(now.Milliseconds / MillisecondsInMinute, keep);
        Add(_before, other.Totals.ToNumbers());
        foreach ((bool isHour, long number, long[] counts) in SlotsOf(other, ShiftOf(now)))
        {
            long current = isHour ? _minute / MinutesInHour : _minute;
            if (number == current && isHour) Shift(_before, _hourCounts, counts);
            else if (number == current) Shift(_hourCounts, _minuteCounts, counts);
            else if (number < current && number > current - (isHour ? Hours : Minutes))
            {
                if (find(isHour, number) is { } kept) Add(counts, kept);
                keep(new CounterSlot(isHour, number, counts));
            }
        }
    }

    /// <summary>The counters as they stand.</summary>
    /// <param name="now">Now.</param>
    /// <param name="slots">What the store keeps of minutes and hours that are over; those that are too old may be among them.</param>
    public TimerCounters Read(StoreTime now, IEnumerable<CounterSlot> slots)
    {
        if (IsEmpty) return TimerCounters.Zero;
        long minute = Math.Max(_minute, now.Milliseconds / MillisecondsInMinute), hour = minute / MinutesInHour;
        long[] totals = [.. _before], thisHour = [.. _hourCounts];
        Add(thisHour, _minuteCounts);
        Add(totals, thisHour);
        var minutes = new TimerCounts?[Minutes];
        var hours = new TimerCounts?[Hours];
        foreach (CounterSlot slot in slots) Place(slot);
        Place(new CounterSlot(false, _minute, _minuteCounts));
        Place(new CounterSlot(true, _minute / MinutesInHour, thisHour));
        return new TimerCounters
        {
            Totals = TimerCounts.From(totals),
            Minutes = Buckets(minutes, minute, TimeSpan.FromMinutes(1), ShiftOf(now)),
            Hours = Buckets(hours, hour, TimeSpan.FromHours(1), ShiftOf(now)),
        };

        void Place(CounterSlot slot)
        {
            TimerCounts?[] places = slot.IsHour ? hours : minutes;
            long at = slot.Number - (slot.IsHour ? hour : minute) + places.Length - 1;
            if (at >= 0 && at < places.Length) places[at] = TimerCounts.From(slot.Counts);
        }

        static TimerCountsBucket[] Buckets(TimerCounts?[] places, long last, TimeSpan length, long shift) =>
            [.. places.Select((counts, i) => new TimerCountsBucket(
                DateTimeOffset.UnixEpoch + length * (last - places.Length + 1 + i) - TimeSpan.FromMinutes(shift), counts ?? TimerCounts.Zero))];
    }

    /// <summary>By how many minutes the partition's clock, by which is counted, is ahead of the machine's, which is shown: whole ones, as minutes are what is counted by.</summary>
    public static long ShiftOf(StoreTime now) => (now.Ahead + MillisecondsInMinute / 2) / MillisecondsInMinute;

    /// <summary>The counters without the slots, for a store that keeps them outside of this process.</summary>
    public byte[] Save() => Bytes([_minute, .. _minuteCounts, .. _hourCounts, .. _before]);

    /// <param name="saved">What <see cref="Save"/> returned; null: nothing was counted yet.</param>
    public static CounterRing Load(byte[]? saved)
    {
        var ring = new CounterRing();
        if (saved is null) return ring;
        if (saved.Length != SavedLength) throw new FormatException($"The counters of a namespace have {saved.Length} bytes; this version writes {SavedLength}.");
        long[] numbers = Numbers(saved);
        ring._minute = numbers[0];
        numbers.AsSpan(1, Width).CopyTo(ring._minuteCounts);
        numbers.AsSpan(1 + Width, Width).CopyTo(ring._hourCounts);
        numbers.AsSpan(1 + 2 * Width, Width).CopyTo(ring._before);
        return ring;
    }

    /// <summary>The counters of a store that keeps their parts itself.</summary>
    /// <param name="minute">The minute in which something was last counted; 0: nothing was.</param>
    /// <param name="minuteCounts">What was counted in it.</param>
    /// <param name="hourCounts">What was counted in the other minutes of its hour.</param>
    /// <param name="before">What was counted before that hour.</param>
    public static CounterRing Of(long minute, ReadOnlySpan<long> minuteCounts, ReadOnlySpan<long> hourCounts, ReadOnlySpan<long> before)
    {
        var ring = new CounterRing { _minute = minute };
        minuteCounts.CopyTo(ring._minuteCounts);
        hourCounts.CopyTo(ring._hourCounts);
        before.CopyTo(ring._before);
        return ring;
    }

    /// <summary>The parts: see <see cref="Of"/>.</summary>
    public (long Minute, long[] MinuteCounts, long[] HourCounts, long[] Before) Parts => (_minute, _minuteCounts, _hourCounts, _before);

    /// <summary>Numbers as bytes: 64 bits each, little-endian.</summary>
    public static byte[] Bytes(ReadOnlySpan<long> numbers)
    {
        byte[] bytes = new byte[numbers.Length * sizeof(long)];
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), numbers[i]);
        return bytes;
    }

    /// <summary>What <see cref="Bytes"/> has written.</summary>
    public static long[] Numbers(ReadOnlySpan<byte> bytes)
    {
        long[] numbers = new long[bytes.Length / sizeof(long)];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = BinaryPrimitives.ReadInt64LittleEndian(bytes[(i * sizeof(long))..]);
        return numbers;
    }

    /// <summary>The minutes and hours of counters in which something was counted.</summary>
    /// <param name="counters">As they are shown.</param>
    /// <param name="shift">See <see cref="ShiftOf"/>.</param>
    public static IEnumerable<CounterSlot> SlotsOf(TimerCounters counters, long shift)
    {
        foreach ((bool isHour, IReadOnlyList<TimerCountsBucket> buckets) in ((bool, IReadOnlyList<TimerCountsBucket>)[])[(false, counters.Minutes), (true, counters.Hours)])
        {
            foreach (TimerCountsBucket bucket in buckets)
            {
                if (bucket.Counts == TimerCounts.Zero) continue;
                long minute = bucket.Start.ToUnixTimeMilliseconds() / MillisecondsInMinute + shift;
                yield return new CounterSlot(isHour, isHour ? minute / MinutesInHour : minute, bucket.Counts.ToNumbers());
            }
        }
    }

    public static void Add(Span<long> sum, ReadOnlySpan<long> counts)
    {
        for (int i = 0; i < Width; i++) sum[i] += counts[i];
    }

    private static void Shift(Span<long> from, Span<long> to, ReadOnlySpan<long> counts)
    {
        for (int i = 0; i < Width; i++) (from[i], to[i]) = (from[i] - counts[i], to[i] + counts[i]);
    }

    // Time that goes back, by a clock that is not noted at every step, counts in the minute that is under way.
    private void MoveTo(long minute, Action<CounterSlot> keep)
    {
        if (_minute > 0 && minute > _minute)
        {
            keep(new CounterSlot(false, _minute, [.. _minuteCounts]));
            Add(_hourCounts, _minuteCounts);
            Array.Clear(_minuteCounts);
            if (minute / MinutesInHour > _minute / MinutesInHour)
            {
                keep(new CounterSlot(true, _minute / MinutesInHour, [.. _hourCounts]));
                Add(_before, _hourCounts);
                Array.Clear(_hourCounts);
            }
        }

        _minute = Math.Max(_minute, minute);
    }
}
