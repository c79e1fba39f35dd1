using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Latchwork.Redis.Connections;

/// <summary>What kind of reply it is; the RESP3 types that a script can return, folded to five.</summary>
[Experimental("LATCHWORK001")]
public enum RedisReplyKind
{
    /// <summary>Nothing.</summary>
    Null = 0,

    /// <summary>A whole number (also a boolean: 0 or 1).</summary>
    Number = 1,

    /// <summary>Bytes: simple, bulk and verbatim strings, doubles and big numbers in their text form.</summary>
    Bytes = 2,

    /// <summary>A list: arrays, sets and maps (a map as keys and values in turn).</summary>
    Array = 3,

    /// <summary>An error inside a list; as a whole reply it is thrown as <see cref="RedisServerException"/>.</summary>
    Error = 4,
}

/// <summary>A reply of the server, in memory of its own.</summary>
[Experimental("LATCHWORK001")]
public readonly struct RedisReply
{
    private readonly long _number;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly RedisReply[]? _items;

    private RedisReply(RedisReplyKind kind, long number, ReadOnlyMemory<byte> bytes, RedisReply[]? items)
    {
        Kind = kind;
        _number = number;
        _bytes = bytes;
        _items = items;
    }

    /// <summary>What kind of reply it is.</summary>
    public RedisReplyKind Kind { get; }

    /// <summary>Whether it is nothing.</summary>
    public bool IsNull => Kind == RedisReplyKind.Null;

    /// <summary>The number; text that is a whole number counts as one.</summary>
    /// <exception cref="InvalidOperationException">It is no number.</exception>
    public long Number => Kind switch
    {
        RedisReplyKind.Number => _number,
        RedisReplyKind.Bytes when long.TryParse(_bytes.Span, out long value) => value,
        _ => throw Unexpected("a whole number"),
    };

    /// <summary>The bytes.</summary>
    /// <exception cref="InvalidOperationException">It has none.</exception>
    public ReadOnlyMemory<byte> Bytes => Kind is RedisReplyKind.Bytes or RedisReplyKind.Error ? _bytes : throw Unexpected("bytes");

    /// <summary>The bytes as UTF-8 text.</summary>
    /// <exception cref="InvalidOperationException">It has none.</exception>
    public string Text => Encoding.UTF8.GetString(Bytes.Span);

    /// <summary>The items of a list.</summary>
    /// <exception cref="InvalidOperationException">It is no list.</exception>
    public ReadOnlySpan<RedisReply> Items => Kind == RedisReplyKind.Array ? _items : throw Unexpected("a list");

    internal static RedisReply Null => default;

    internal static RedisReply OfNumber(long value) => new(RedisReplyKind.Number, value, default, null);

    internal static RedisReply OfBytes(ReadOnlyMemory<byte> value) => new(RedisReplyKind.Bytes, 0, value, null);

    internal static RedisReply OfItems(RedisReply[] items) => new(RedisReplyKind.Array, 0, default, items);

    internal static RedisReply OfError(ReadOnlyMemory<byte> message) => new(RedisReplyKind.Error, 0, message, null);

    private InvalidOperationException Unexpected(string wanted) => new($"The server was expected to reply with {wanted}, but the reply is of kind {Kind}.");
}
