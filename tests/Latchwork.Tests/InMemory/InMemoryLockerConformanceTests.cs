using Latchwork.StoreConformance.Locking;
using Xunit;

namespace Latchwork.Tests.InMemory;

public sealed class InMemoryLockerOwnershipTests(InMemoryFixture fixture) : LockerOwnershipSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerOutcomeTests(InMemoryFixture fixture) : LockerOutcomeSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerKeepingTests(InMemoryFixture fixture) : LockerKeepingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerCountsTests(InMemoryFixture fixture) : LockerCountsSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerForgettingTests(InMemoryFixture fixture) : LockerForgettingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerEngineTests(InMemoryFixture fixture) : LockerEngineSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerCancellingTests(InMemoryFixture fixture) : LockerCancellingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerThreadsTests(InMemoryFixture fixture) : LockerThreadsSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryLockerModelTests(InMemoryFixture fixture) : LockerModelSuite(fixture), IClassFixture<InMemoryFixture>;
