using Latchwork.StoreConformance.Engine;
using Xunit;

namespace Latchwork.Postgres.Tests.Timers;

public sealed class PostgresEngineDeliveryTests(PostgresFixture fixture) : EngineDeliverySuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineLeaseTests(PostgresFixture fixture) : EngineLeaseSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineSpreadTests(PostgresFixture fixture) : EngineSpreadSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineMembershipTests(PostgresFixture fixture) : EngineMembershipSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEnginePauseTests(PostgresFixture fixture) : EnginePauseSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineScheduleTests(PostgresFixture fixture) : EngineScheduleSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineReceiveTests(PostgresFixture fixture) : EngineReceiveSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineLeaveTests(PostgresFixture fixture) : EngineLeaveSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineFaultTests(PostgresFixture fixture) : EngineFaultSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineListingTests(PostgresFixture fixture) : EngineListingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineCompletedTests(PostgresFixture fixture) : EngineCompletedSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresEngineStressTests(PostgresFixture fixture) : EngineStressSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresDtimerDefectEngineTests(PostgresFixture fixture) : DtimerDefectEngineSuite(fixture), IClassFixture<PostgresFixture>;

/// <summary>Runs alone: it blocks the thread pool of the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class BlockedPoolAlone
{
    public const string Name = "Alone";
}

[Collection(BlockedPoolAlone.Name)]
[Trait("Process", "own")]
public sealed class PostgresEngineBlockedPoolTests(PostgresFixture fixture) : EngineBlockedPoolSuite(fixture), IClassFixture<PostgresFixture>;
