using Latchwork.Configuration;

namespace Latchwork;

/// <summary>
/// The settings that the timers and lockers of one <c>AddLatchwork</c> share. They are read from the configuration section <c>Latchwork</c>
/// (of a keyed registration: <c>Latchwork:KEY</c>) and checked when the application starts; all failures are named together.
/// </summary>
public sealed class LatchworkOptions
{
    /// <summary>The configuration section.</summary>
    public const string SectionName = "Latchwork";

    /// <summary>What each of them may be.</summary>
    internal static OptionSet<LatchworkOptions> Set { get; } = new OptionSet<LatchworkOptions>(static () => new())
        .Id(nameof(NodeId), static o => o.NodeId, static (o, value) => o.NodeId = value, whenNull: "a generated one")
        .Duration(
            nameof(StoreUnavailableTimeout), TimeSpan.Zero, TimeSpan.FromMinutes(10), static o => o.StoreUnavailableTimeout, static (o, value) => o.StoreUnavailableTimeout = value);

    /// <summary>This node's id for all timers and lockers that have none of their own: 1 to 512 bytes of UTF-8, unique among the nodes. Default: null, one is generated.</summary>
    public string? NodeId { get; set; }

    /// <summary>
    /// How long an operation waits for a store that has not been reached since the application started: zero to 10 min; default 5 s. After
    /// that it fails with a <see cref="LatchworkStoreException"/> that says so; the store is tried in the background all the while.
    /// </summary>
    public TimeSpan StoreUnavailableTimeout { get; set; } = TimeSpan.FromSeconds(5);
}
