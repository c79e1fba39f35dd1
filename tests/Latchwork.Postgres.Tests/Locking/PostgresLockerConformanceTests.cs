using Latchwork.StoreConformance.Locking;
using Xunit;

namespace Latchwork.Postgres.Tests.Locking;

public sealed class PostgresLockerOwnershipTests(PostgresFixture fixture) : LockerOwnershipSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerOutcomeTests(PostgresFixture fixture) : LockerOutcomeSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerKeepingTests(PostgresFixture fixture) : LockerKeepingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerCountsTests(PostgresFixture fixture) : LockerCountsSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerForgettingTests(PostgresFixture fixture) : LockerForgettingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerModelTests(PostgresFixture fixture) : LockerModelSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerEngineTests(PostgresFixture fixture) : LockerEngineSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerCancellingTests(PostgresFixture fixture) : LockerCancellingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresLockerThreadsTests(PostgresFixture fixture) : LockerThreadsSuite(fixture), IClassFixture<PostgresFixture>;
