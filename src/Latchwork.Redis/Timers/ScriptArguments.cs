using System.Buffers;
using Latchwork.Redis.Connections;

namespace Latchwork.Redis.Timers;

/// <summary>Gathers the arguments of one script in a rented array, which goes back when the connection has copied them.</summary>
internal ref struct ScriptArguments(int capacity)
{
    private RedisArgument[] _items = ArrayPool<RedisArgument>.Shared.Rent(capacity);
    private int _count;

    public readonly ReadOnlySpan<RedisArgument> Items => _items.AsSpan(0, _count);

    public void Add(RedisArgument argument) => _items[_count++] = argument;

    public void Dispose()
    {
        RedisArgument[] items = _items;
        _items = [];
        Array.Clear(items, 0, _count); // the pool must not keep payloads alive
        ArrayPool<RedisArgument>.Shared.Return(items);
    }
}
