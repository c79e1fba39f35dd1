using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Redis.Connections;

/// <summary>A key or an argument of a script: text (sent as UTF-8), a whole number, or bytes. The default value is empty text.</summary>
[Experimental("LATCHWORK001")]
[SuppressMessage("Usage", "CA2225:Operator overloads have named alternates", Justification = "The constructors are the alternates.")]
public readonly struct RedisArgument
{
    /// <summary>Creates an argument of text.</summary>
    /// <param name="text">The text.</param>
    public RedisArgument(string text) => Text = text;

    /// <summary>Creates an argument of bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    public RedisArgument(ReadOnlyMemory<byte> bytes)
    {
        Bytes = bytes;
        Kind = RedisArgumentKind.Bytes;
    }

    /// <summary>Creates an argument that is a whole number, sent in decimal digits.</summary>
    /// <param name="number">The number.</param>
    public RedisArgument(long number)
    {
        Number = number;
        Kind = RedisArgumentKind.Number;
    }

    internal RedisArgumentKind Kind { get; }

    internal string? Text { get; }

    internal long Number { get; }

    internal ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Text.</summary>
    /// <param name="text">The text.</param>
    public static implicit operator RedisArgument(string text) => new(text);

    /// <summary>Bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    public static implicit operator RedisArgument(ReadOnlyMemory<byte> bytes) => new(bytes);

    /// <summary>Bytes.</summary>
    /// <param name="bytes">The bytes.</param>
    public static implicit operator RedisArgument(byte[] bytes) => new((ReadOnlyMemory<byte>)bytes);

    /// <summary>A whole number.</summary>
    /// <param name="number">The number.</param>
    public static implicit operator RedisArgument(long number) => new(number);
}

internal enum RedisArgumentKind
{
    Text = 0,
    Bytes = 1,
    Number = 2,
}
