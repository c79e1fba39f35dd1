namespace Latchwork.Redis;

/// <summary>
/// Makes the hash tags of the partitions of a timer namespace, so that they lie evenly over the slots of a cluster. Left to chance, the
/// CRCs of twelve tags give one of three primaries six partitions and another two.
/// </summary>
/// <remarks>
/// The tag depends on the namespace and on the partition, never on the number of partitions: clients that disagree on that meet at the same
/// keys, where the scripts refuse one of them. The first partition is <c>t:NS:0</c>, and its slot is where it falls. The slots of the others
/// are that one and a fraction of all slots: 1/3, 2/3; 1/6, 3/6, 5/6; 1/12, 5/12, …, so that 3, 6, 12, 24, … partitions are equally far from
/// each other, and any other number nearly so. The tag is <c>t:NS:P:SALT</c> with the smallest number that leads to this slot.
/// </remarks>
internal static class PartitionTag
{
    /// <summary>The tag of a partition (from 0) of a namespace (encoded), with its braces.</summary>
    public static string Of(string ns, int index)
    {
        string first = $"t:{ns}:0";
        if (index == 0) return $"{{{first}}}";
        int slot = (HashSlot.Of(first) + Offset(index)) % HashSlot.Count;
        string start = string.Create(CultureInfo.InvariantCulture, $"t:{ns}:{index}:");
        return string.Create(CultureInfo.InvariantCulture, $"{{{start}{Salt(start, slot)}}}");
    }

    /// <summary>How many slots a partition lies behind the first one: its number with its digits (the last to base 3, the others to base 2) mirrored at the point.</summary>
    private static int Offset(int index)
    {
        long numerator = index % 3;
        long denominator = 3;
        for (int rest = index / 3; rest > 0; rest >>= 1)
        {
            denominator *= 2;
            numerator = (numerator * 2) + (rest & 1);
        }

        return (int)(HashSlot.Count * numerator / denominator);
    }

    // One number in 16384 fits; five digits are enough to reach every slot.
    private static int Salt(string start, int slot)
    {
        ushort crc = HashSlot.Add(0, Encoding.UTF8.GetBytes(start));
        Span<byte> digits = stackalloc byte[10];
        for (int salt = 0; ; salt++)
        {
            salt.TryFormat(digits, out int length, provider: CultureInfo.InvariantCulture);
            if (HashSlot.Add(crc, digits[..length]) % HashSlot.Count == slot) return salt;
        }
    }
}

/// <summary>The hash slot of a key: the CRC16 (XMODEM) of the key, or of its hash tag if it has one, of which a cluster uses the lower 14 bits.</summary>
internal static class HashSlot
{
    /// <summary>How many slots every cluster has.</summary>
    public const int Count = 16384;

    private const ushort Polynomial = 0x1021;
    private static readonly ushort[] _table = MakeTable();

    /// <summary>The slot of a key or a channel.</summary>
    public static int Of(ReadOnlySpan<byte> key)
    {
        // The tag is what stands between the first { and the next }, unless that is nothing.
        int open = key.IndexOf((byte)'{');
        int length = open < 0 ? -1 : key[(open + 1)..].IndexOf((byte)'}');
        return (length > 0 ? Add(0, key.Slice(open + 1, length)) : Add(0, key)) % Count;
    }

    public static int Of(string key) => Of(Encoding.UTF8.GetBytes(key));

    /// <summary>The CRC of some bytes that follow others, whose CRC is given; 0 if there are none.</summary>
    public static ushort Add(ushort crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes) crc = (ushort)((crc << 8) ^ _table[(crc >> 8) ^ b]);
        return crc;
    }

    private static ushort[] MakeTable()
    {
        var table = new ushort[256];
        for (int i = 0; i < table.Length; i++)
        {
            int crc = i << 8;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ Polynomial : crc << 1;
            table[i] = (ushort)crc;
        }

        return table;
    }
}
