using System.Buffers.Binary;

namespace Latchwork.Redis.Locking;

/// <summary>One operation on one key, as the script <c>Step</c> takes it (see there).</summary>
/// <param name="Key">The key.</param>
/// <param name="Operation">The operation, packed.</param>
/// <param name="Bytes">What is published; null for any other operation.</param>
internal readonly record struct LockerStep(LockerKey Key, byte[] Operation, ReadOnlyMemory<byte>? Bytes)
{
    /// <summary>The first byte of an answer that is an error; its text follows.</summary>
    public const byte Refused = 255;

    private const byte Acquires = 1, Renews = 2, Publishes = 3, Releases = 4;

    public static LockerStep Acquire(LockerKey key, LockerRequest request)
    {
        var text = new Packer(Acquires, 8 + 8 + 8 + 1, request.Nonce, request.NodeId);
        text.Add(request.LeaseDuration);
        text.Add(request.LockTimeout);
        text.Add(request.WaitingFor ?? -1);
        text.Add(request.LockOnly ? (byte)1 : (byte)0);
        text.AddNonce(request.Nonce);
        text.AddRest(request.NodeId);
        return new(key, text.Bytes, null);
    }

    public static LockerStep Renew(LockerKey key, long fencingToken, string nonce, TimeSpan lease)
    {
        var text = new Packer(Renews, 8 + 8, nonce);
        text.Add(fencingToken);
        text.Add(lease);
        text.AddNonce(nonce);
        return new(key, text.Bytes, null);
    }

    public static LockerStep Publish(LockerKey key, LockerPublication publication)
    {
        string nonce = publication.Nonce ?? "";
        var text = new Packer(Publishes, 8 + 8 + 8 + 1, nonce);
        text.Add(publication.FencingToken);
        text.Add(publication.FreshFor);
        text.Add(publication.HandOverFor);
        text.Add((byte)publication.Kind);
        text.AddNonce(nonce);
        return new(key, text.Bytes, publication.Data);
    }

    public static LockerStep Release(LockerKey key, long? fencingToken, string nonce)
    {
        var text = new Packer(Releases, 8, nonce);
        text.Add(fencingToken ?? -1);
        text.AddNonce(nonce);
        return new(key, text.Bytes, null);
    }

    private ref struct Packer
    {
        private Span<byte> _rest;

        public Packer(byte operation, int numbers, string nonce, string node = "")
        {
            Bytes = new byte[1 + numbers + 1 + Encoding.UTF8.GetByteCount(nonce) + Encoding.UTF8.GetByteCount(node)];
            Bytes[0] = operation;
            _rest = Bytes.AsSpan(1);
        }

        public byte[] Bytes { get; }

        public void Add(TimeSpan length) => Add(TimerCodec.Microseconds(length));

        // Whole numbers below 2^53, which a double holds exactly.
        public void Add(long number)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(_rest, number);
            _rest = _rest[8..];
        }

        public void Add(byte number)
        {
            _rest[0] = number;
            _rest = _rest[1..];
        }

        public void AddNonce(string nonce)
        {
            int length = Encoding.UTF8.GetBytes(nonce, _rest[1..]);
            _rest[0] = checked((byte)length);
            _rest = _rest[(1 + length)..];
        }

        public void AddRest(string text) => Encoding.UTF8.GetBytes(text, _rest);
    }
}
