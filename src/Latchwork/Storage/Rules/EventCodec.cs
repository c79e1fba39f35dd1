namespace Latchwork.Storage.Rules;

/// <summary>Headers and failures as bytes. Each begins with the number of its format.</summary>
internal static class EventCodec
{
    private const byte Format = 1;

    private static readonly Dictionary<string, string> _noHeaders = [];

    /// <summary>Writes headers; null if there are none.</summary>
    public static byte[]? Encode(IReadOnlyDictionary<string, string>? headers)
    {
        if (headers is null || headers.Count == 0) return null;
        return Write(writer =>
        {
            writer.Write7BitEncodedInt(headers.Count);
            foreach ((string name, string value) in headers)
            {
                writer.Write(name);
                writer.Write(value);
            }
        });
    }

    public static IReadOnlyDictionary<string, string> DecodeHeaders(byte[]? bytes)
    {
        if (bytes is null) return _noHeaders;
        using BinaryReader reader = Read(bytes);
        int count = reader.Read7BitEncodedInt();
        var headers = new Dictionary<string, string>(count);
        for (int i = 0; i < count; i++) headers.Add(reader.ReadString(), reader.ReadString());
        return headers;
    }

    /// <summary>Writes failures; null if there are none.</summary>
    public static byte[]? Encode(IReadOnlyList<AttemptFailure> failures)
    {
        if (failures.Count == 0) return null;
        return Write(writer =>
        {
            writer.Write7BitEncodedInt(failures.Count);
            foreach (AttemptFailure failure in failures)
            {
                writer.Write7BitEncodedInt(failure.Attempt);
                writer.Write(failure.NodeId);
                writer.Write(failure.At.ToUnixTimeMilliseconds());
                writer.Write(failure.Error);
            }
        });
    }

    public static IReadOnlyList<AttemptFailure> DecodeFailures(byte[]? bytes)
    {
        if (bytes is null) return [];
        using BinaryReader reader = Read(bytes);
        var failures = new AttemptFailure[reader.Read7BitEncodedInt()];
        for (int i = 0; i < failures.Length; i++)
        {
            failures[i] = new AttemptFailure(
                reader.Read7BitEncodedInt(), reader.ReadString(), DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64()), reader.ReadString());
        }

        return failures;
    }

    private static byte[] Write(Action<BinaryWriter> content) => VersionedBytes.Write(Format, content);

    private static BinaryReader Read(byte[] bytes) => VersionedBytes.Read(bytes, Format, "An event");
}
