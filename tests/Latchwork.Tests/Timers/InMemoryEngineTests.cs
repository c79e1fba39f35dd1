using Latchwork.StoreConformance.Engine;
using Latchwork.Tests.InMemory;
using Xunit;

namespace Latchwork.Tests.Timers;

public sealed class InMemoryEngineDeliveryTests(InMemoryFixture fixture) : EngineDeliverySuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineSpreadTests(InMemoryFixture fixture) : EngineSpreadSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineLeaseTests(InMemoryFixture fixture) : EngineLeaseSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEnginePauseTests(InMemoryFixture fixture) : EnginePauseSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineReceiveTests(InMemoryFixture fixture) : EngineReceiveSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineLeaveTests(InMemoryFixture fixture) : EngineLeaveSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineMembershipTests(InMemoryFixture fixture) : EngineMembershipSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineFaultTests(InMemoryFixture fixture) : EngineFaultSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineListingTests(InMemoryFixture fixture) : EngineListingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineCompletedTests(InMemoryFixture fixture) : EngineCompletedSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineStressTests(InMemoryFixture fixture) : EngineStressSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryDtimerDefectEngineTests(InMemoryFixture fixture) : DtimerDefectEngineSuite(fixture), IClassFixture<InMemoryFixture>;

/// <summary>Runs alone: it blocks the thread pool of the process.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class AloneCollection;

[Collection("Alone")]
public sealed class InMemoryEngineBlockedPoolTests(InMemoryFixture fixture) : EngineBlockedPoolSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryEngineScheduleTests(InMemoryFixture fixture) : EngineScheduleSuite(fixture), IClassFixture<InMemoryFixture>;
