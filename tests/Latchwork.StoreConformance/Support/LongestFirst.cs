using Xunit;
using Xunit.Abstractions;

namespace Latchwork.StoreConformance.Support;

/// <summary>
/// Starts the collections of an assembly in the order of how long they take, or the run would end with one that began last: first those of several
/// classes, which run one after the other, then those whose names say that they take long (as measured), then the rest.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>The name of this class, as the attribute wants it.</summary>
    public const string Name = "Latchwork.StoreConformance.Support.LongestFirst";

    /// <summary>The name of its assembly.</summary>
    public const string Assembly = "Latchwork.StoreConformance";

    private static readonly string[] _long =
    [
        "Resume", "TransferSchedule", "Failover", "Model", "Repartition", "Thaw", "Tls", "Sentinel", "Pipeline", "EngineLeave", "SharedMultiplexer",
        "Spread", "Recovery", "StoreChecker", "Partitions", "Browser", "Process", "Short",
    ];

    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(Rank).ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);

    private static int Rank(ITestCollection collection)
    {
        if (collection.CollectionDefinition is not null) return -1;
        int rank = Array.FindIndex(_long, word => collection.DisplayName.Contains(word, StringComparison.Ordinal));
        return rank < 0 ? _long.Length : rank;
    }
}
