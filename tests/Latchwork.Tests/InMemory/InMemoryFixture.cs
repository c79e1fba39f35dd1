using Latchwork.StoreConformance.Support;

namespace Latchwork.Tests.InMemory;

/// <summary>Makes in-memory stores for the conformance suites.</summary>
public sealed class InMemoryFixture : StoreFixture
{
    public override Task<LatchworkStore> OpenAsync(TimeProvider? clock) => Task.FromResult<LatchworkStore>(new InMemoryStore(clock));
}
