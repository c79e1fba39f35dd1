using System.Text;

namespace Latchwork.Storage.Rules;

/// <summary>Bytes that begin with the number of their format, so that a later version can tell what an earlier one wrote.</summary>
internal static class VersionedBytes
{
    public static byte[] Write(byte format, Action<BinaryWriter> content)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        writer.Write(format);
        content(writer);
        writer.Flush();
        return bytes.ToArray();
    }

    /// <summary>Begins to read after the number of the format.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="format">The only format that is known.</param>
    /// <param name="what">What the bytes are, as an error names it.</param>
    public static BinaryReader Read(byte[] bytes, byte format, string what)
    {
        var reader = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
        byte found = reader.ReadByte();
        return found == format ? reader : throw new InvalidDataException($"{what} has format {found}; this version knows {format}.");
    }
}
