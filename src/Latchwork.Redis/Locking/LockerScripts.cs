namespace Latchwork.Redis.Locking;

/// <summary>The scripts of the locker. All that work on one key declare the same three keys, in the order of <see cref="LockerKeys.All"/>.</summary>
internal static class LockerScripts
{
    /// <summary>Works on any number of keys.</summary>
    public static RedisScript Step { get; } = Load(nameof(Step));

    public static RedisScript TryGet { get; } = Load(nameof(TryGet));

    public static RedisScript Forget { get; } = Load(nameof(Forget));

    public static RedisScript Show { get; } = Load(nameof(Show));

    public static RedisScript CheckLife { get; } = Load(nameof(CheckLife));

    public static RedisScript Export { get; } = Load(nameof(Export));

    /// <summary>Declares the mark of the move, too.</summary>
    public static RedisScript Import { get; } = Load(nameof(Import));

    /// <summary>Works on the marks of a namespace, not on a key.</summary>
    public static RedisScript Marks { get; } = Load(nameof(Marks));

    /// <summary>Works on the counts of a namespace, not on a key.</summary>
    public static RedisScript Count { get; } = Load(nameof(Count));

    /// <summary>Works on the list of namespaces, not on a key.</summary>
    public static RedisScript Namespaces { get; } = Load(nameof(Namespaces));

    /// <summary>Works on the names of keys, not on one key.</summary>
    public static RedisScript Scan { get; } = Load(nameof(Scan));

    /// <summary>Works on the list of namespaces, not on a key.</summary>
    public static RedisScript Open { get; } = Load(nameof(Open));

    private static RedisScript Load(string name) => RedisScripts.Load($"Locking/{name}");
}
