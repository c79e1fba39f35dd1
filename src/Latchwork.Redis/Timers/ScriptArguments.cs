namespace Latchwork.Redis.Timers;

/// <summary>Gathers the arguments of one script, of which the greatest number is known. The array is the script's from then on: it may be sent again.</summary>
internal ref struct ScriptArguments(int capacity)
{
    private readonly RedisValue[] _items = new RedisValue[capacity];
    private int _count;

    public readonly RedisValue[] Items => _count == _items.Length ? _items : _items[.._count];

    public void Add(RedisValue argument) => _items[_count++] = argument;
}
