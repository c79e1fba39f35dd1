using System.Runtime.InteropServices;

namespace Latchwork.Redis.Multiplexing;

/// <summary>
/// A reply of the server. It reads a <see cref="RedisResult"/> strictly: what is not of the kind that a script is known to return throws, where
/// the conversions of the client would give zero or null.
/// </summary>
internal readonly struct RedisReply(RedisResult? result)
{
    private readonly RedisResult? _result = result;

    /// <summary>Whether it is nothing.</summary>
    public bool IsNull => _result is null || _result.IsNull;

    /// <summary>Whether it is an error inside a list; an error as a whole reply is thrown.</summary>
    public bool IsError => _result?.Resp2Type == ResultType.Error;

    /// <summary>Whether it is a list.</summary>
    public bool IsArray => !IsNull && _result!.Resp2Type == ResultType.Array;

    /// <summary>The number; text that is a whole number counts as one.</summary>
    /// <exception cref="RedisReplyException">It is none.</exception>
    public long Number => !IsNull && !IsArray && Value.TryParse(out long number) ? number : throw Unexpected("a number");

    /// <summary>The bytes of text.</summary>
    /// <exception cref="RedisReplyException">It is no text.</exception>
    public ReadOnlyMemory<byte> Bytes => IsNull || IsArray ? throw Unexpected("text") : (ReadOnlyMemory<byte>)Value;

    /// <summary>The bytes as UTF-8 text.</summary>
    /// <exception cref="RedisReplyException">It is no text.</exception>
    public string Text => Encoding.UTF8.GetString(Bytes.Span);

    /// <summary>The items of a list.</summary>
    /// <exception cref="RedisReplyException">It is no list.</exception>
    public RedisReplies Items => IsArray ? new RedisReplies((RedisResult[])_result!) : throw Unexpected("a list");

    private RedisValue Value => (RedisValue)_result!;

    private RedisReplyException Unexpected(string wanted) => new(
        $"Unexpected reply of the server: {wanted} was expected, and it is {(IsNull ? "null" : $"of type {_result!.Resp2Type}")}.");
}

/// <summary>The items of a list.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct RedisReplies(ArraySegment<RedisResult> items)
{
    private readonly ArraySegment<RedisResult> _items = items;

    public RedisReplies(RedisResult[] items)
        : this(new ArraySegment<RedisResult>(items))
    {
    }

    public int Length => _items.Count;

    public RedisReply this[int index] => index < _items.Count ? new(_items[index]) : throw new RedisReplyException(
        $"Unexpected reply of the server: a list of {_items.Count} items has no item {index}.");

    public RedisReplies Slice(int start, int length) => new(_items.Slice(start, length));

    public Enumerator GetEnumerator() => new(_items);

    public struct Enumerator(ArraySegment<RedisResult> items)
    {
        private int _index = -1;

        public readonly RedisReply Current => new(items[_index]);

        public bool MoveNext() => ++_index < items.Count;
    }
}

/// <summary>A reply does not have the form that the script is known to return.</summary>
internal sealed class RedisReplyException(string message) : Exception(message);
