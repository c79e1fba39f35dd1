namespace Latchwork.Redis.Multiplexing;

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

    /// <summary>The slot of a key or a channel.</summary>
    public static int Of(string key) => Of(Encoding.UTF8.GetBytes(key));

    /// <summary>The CRC of some bytes that follow others.</summary>
    /// <param name="crc">The CRC of the others; 0 if there are none.</param>
    /// <param name="bytes">The bytes.</param>
    public static ushort Add(ushort crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
            crc = (ushort)((crc << 8) ^ _table[(crc >> 8) ^ b]);
        return crc;
    }

    private static ushort[] MakeTable()
    {
        var table = new ushort[256];
        for (int i = 0; i < table.Length; i++)
        {
            int crc = i << 8;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 0x8000) != 0 ? (crc << 1) ^ Polynomial : crc << 1;
            table[i] = (ushort)crc;
        }

        return table;
    }
}
