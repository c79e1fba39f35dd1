using Latchwork.Storage.InMemory;
using Latchwork.StoreConformance.Maintenance;
using Latchwork.StoreConformance.Support;
using Xunit;

// Most of a test's time is waiting. What measures, counts or blocks the thread pool is in collections that run alone.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]

namespace Latchwork.Tests.InMemory;

/// <summary>Makes in-memory stores for the conformance suites.</summary>
public sealed class InMemoryFixture : StoreFixture
{
    private const string CannotMove = "a store in memory cannot be moved: it has no Transfer";

    public override IReadOnlyDictionary<Type, string> SkippedSuites { get; } = new Dictionary<Type, string>
    {
        [typeof(TransferContentSuite)] = CannotMove,
        [typeof(TransferNamespaceSuite)] = CannotMove,
        [typeof(TransferRefusalSuite)] = CannotMove,
        [typeof(TransferResumeSuite)] = CannotMove,
        [typeof(TransferScheduleSuite)] = CannotMove,
    };

    public override Task<long> OutcomeBytesAsync(LatchworkStore store, string ns) => Task.FromResult(((InMemoryLockerStore)store.Locks).OutcomeBytes(ns));

    public override Task<LatchworkStore> OpenAsync(TimeProvider? clock) => Task.FromResult<LatchworkStore>(new InMemoryStore(clock));
}
