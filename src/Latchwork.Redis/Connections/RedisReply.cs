namespace Latchwork.Redis.Connections;

/// <summary>
/// A reply of the server. It reads a <see cref="RedisResult"/> strictly: what is not of the kind that a script is known to return throws a
/// <see cref="RedisReplyException"/>, where the conversions of the client would give zero or null.
/// </summary>
internal readonly struct RedisReply(RedisResult? result)
{
    private readonly RedisResult? _result = result;

    public bool IsNull => _result is null || _result.IsNull;

    /// <summary>Whether it is an error inside a list; an error as a whole reply is thrown.</summary>
    public bool IsError => _result?.Resp2Type == ResultType.Error;

    public bool IsNumber => _result?.Resp2Type == ResultType.Integer;
    public bool IsArray => !IsNull && _result!.Resp2Type == ResultType.Array;

    /// <summary>The number; text that is a whole number counts as one.</summary>
    public long Number => !IsNull && !IsArray && Value.TryParse(out long number) ? number : throw Unexpected("a number");

    public ReadOnlyMemory<byte> Bytes => IsNull || IsArray ? throw Unexpected("text") : (ReadOnlyMemory<byte>)Value;

    /// <summary>The bytes as UTF-8 text.</summary>
    public string Text => Encoding.UTF8.GetString(Bytes.Span);

    public string[] Texts => Array.ConvertAll(Items, static item => new RedisReply(item).Text);

    /// <summary>The texts of a list, two at a time.</summary>
    public (string First, string Second)[] Pairs => [.. Texts.Chunk(2).Select(static pair => (pair[0], pair[1]))];

    /// <summary>How many items a list has.</summary>
    public int Length => Items.Length;

    public RedisReply this[int index] => Items is var items && index < items.Length
        ? new(items[index])
        : throw new RedisReplyException($"Unexpected reply of the server: a list of {items.Length} items has no item {index}.");

    private RedisResult[] Items => IsArray ? (RedisResult[])_result! : throw Unexpected("a list");
    private RedisValue Value => (RedisValue)_result!;

    private RedisReplyException Unexpected(string wanted) => new(
        $"Unexpected reply of the server: {wanted} was expected, and it is {(IsNull ? "null" : $"of type {_result!.Resp2Type}")}.");
}

/// <summary>A reply does not have the form that the script is known to return.</summary>
internal sealed class RedisReplyException(string message) : Exception(message);
