using Latchwork.StoreConformance.Engine;
using Xunit;

namespace Latchwork.Sqlite.Tests.Timers;

public sealed class SqliteEngineDeliveryTests(SqliteFixture fixture) : EngineDeliverySuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineSpreadTests(SqliteFixture fixture) : EngineSpreadSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineLeaseTests(SqliteFixture fixture) : EngineLeaseSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEnginePauseTests(SqliteFixture fixture) : EnginePauseSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineReceiveTests(SqliteFixture fixture) : EngineReceiveSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineLeaveTests(SqliteFixture fixture) : EngineLeaveSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineMembershipTests(SqliteFixture fixture) : EngineMembershipSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineFaultTests(SqliteFixture fixture) : EngineFaultSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineListingTests(SqliteFixture fixture) : EngineListingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineCompletedTests(SqliteFixture fixture) : EngineCompletedSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineStressTests(SqliteFixture fixture) : EngineStressSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteDtimerDefectEngineTests(SqliteFixture fixture) : DtimerDefectEngineSuite(fixture), IClassFixture<SqliteFixture>;

/// <summary>Runs alone: it blocks the thread pool of the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class BlockedPoolAlone
{
    public const string Name = "Alone";
}

[Collection(BlockedPoolAlone.Name)]
[Trait("Process", "own")]
public sealed class SqliteEngineBlockedPoolTests(SqliteFixture fixture) : EngineBlockedPoolSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteEngineScheduleTests(SqliteFixture fixture) : EngineScheduleSuite(fixture), IClassFixture<SqliteFixture>;
