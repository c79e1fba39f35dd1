using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace Latchwork.Diagnostics;

/// <summary>The stores of this process that timers and lockers were put on, for instruments that are asked. They are forgotten with their last user.</summary>
internal static class LiveStores
{
    private static readonly ConditionalWeakTable<LatchworkStore, object> _stores = [];

    public static void Add(LatchworkStore store) => _stores.TryAdd(store, store.GetType());

    /// <summary>What kind of store it is, without the address: <c>redis</c>, <c>memory</c>.</summary>
    public static string KindOf(LatchworkStore store)
    {
        string description = store.Description;
        int end = description.IndexOf(':', StringComparison.Ordinal);
        return end > 0 ? description[..end] : "other";
    }

    public static IEnumerable<Measurement<long>> Reconnects()
    {
        foreach ((LatchworkStore store, _) in _stores) yield return new Measurement<long>(store.Reconnects, new KeyValuePair<string, object?>(Names.Store, store.Description));
    }
}
