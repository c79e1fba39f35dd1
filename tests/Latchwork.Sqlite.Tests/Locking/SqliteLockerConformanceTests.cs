using Latchwork.StoreConformance.Locking;
using Xunit;

namespace Latchwork.Sqlite.Tests.Locking;

public sealed class SqliteLockerOwnershipTests(SqliteFixture fixture) : LockerOwnershipSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerOutcomeTests(SqliteFixture fixture) : LockerOutcomeSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerKeepingTests(SqliteFixture fixture) : LockerKeepingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerCountsTests(SqliteFixture fixture) : LockerCountsSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerForgettingTests(SqliteFixture fixture) : LockerForgettingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerModelTests(SqliteFixture fixture) : LockerModelSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerEngineTests(SqliteFixture fixture) : LockerEngineSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerCancellingTests(SqliteFixture fixture) : LockerCancellingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteLockerThreadsTests(SqliteFixture fixture) : LockerThreadsSuite(fixture), IClassFixture<SqliteFixture>;
