using System.Text;

namespace Latchwork.Storage.Rules;

/// <content>The scheduler as bytes, for a store that keeps it outside of this process.</content>
internal sealed partial class WakeScheduler
{
    private const byte Format = 2; // 1 did not say since when a node plays its part

    /// <summary>Writes everything down that <see cref="Load"/> needs, except the ids of the nodes' last claims.</summary>
    public byte[] Save()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        writer.Write(Format);
        writer.Write(_lastPlace);
        writer.Write(_lastSweep.Ticks);
        Write(writer, _primary);
        Write(writer, _backup);
        writer.Write7BitEncodedInt(_nodes.Count);
        foreach (WakeNode node in _nodes.Values)
        {
            writer.Write(node.NodeId);
            writer.Write(node.LastSeen.Ticks);
            writer.Write7BitEncodedInt(node.Held);
            writer.Write(node.IsFull);
            writer.Write(node.PollSlot);
            writer.Write(node.RotationPlace);
            writer.Write(node.ClaimToken ?? "");
        }

        writer.Flush();
        return bytes.ToArray();
    }

    /// <summary>Takes over what was saved. The scheduler must be new.</summary>
    /// <param name="saved">What <see cref="Save"/> returned; empty if nothing was ever saved.</param>
    /// <exception cref="InvalidDataException">It was saved by a version that this one does not know.</exception>
    public void Load(byte[] saved)
    {
        if (saved.Length == 0) return;
        using var reader = new BinaryReader(new MemoryStream(saved), Encoding.UTF8);
        byte format = reader.ReadByte();
        if (format is 0 or > Format) throw new InvalidDataException($"The list of listening nodes has format {format}; this version knows those up to {Format}.");
        _lastPlace = reader.ReadInt64();
        _lastSweep = new StoreTime(reader.ReadInt64());
        (string Node, long At, long Since) primary = (reader.ReadString(), reader.ReadInt64(), format > 1 ? reader.ReadInt64() : 0);
        (string Node, long At, long Since) backup = (reader.ReadString(), reader.ReadInt64(), format > 1 ? reader.ReadInt64() : 0);
        for (int left = reader.Read7BitEncodedInt(); left > 0; left--)
        {
            var node = new WakeNode(reader.ReadString())
            {
                LastSeen = new StoreTime(reader.ReadInt64()),
                Held = reader.Read7BitEncodedInt(),
                IsFull = reader.ReadBoolean(),
                PollSlot = reader.ReadInt64(),
                RotationPlace = reader.ReadInt64(),
                ClaimToken = reader.ReadString() is { Length: > 0 } token ? token : null,
            };
            _nodes.Add(node.NodeId, node);
            if (node.PollSlot != 0) _pollSlots.Add(new TimedId(node.PollSlot, node.NodeId));
            if (node.RotationPlace != 0) _rotation.Add(new TimedId(node.RotationPlace, node.NodeId));
        }

        _primary = Read(primary);
        _backup = Read(backup);
    }

    private static void Write(BinaryWriter writer, Role? role)
    {
        writer.Write(role?.Node.NodeId ?? "");
        writer.Write(role?.At ?? 0);
        writer.Write(role?.Since ?? 0);
    }

    private Role? Read((string Node, long At, long Since) role) => _nodes.TryGetValue(role.Node, out WakeNode? node) ? new Role(node, role.At, role.Since) : null;
}
