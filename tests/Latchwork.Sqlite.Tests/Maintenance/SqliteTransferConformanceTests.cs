using Latchwork.StoreConformance.Maintenance;
using Xunit;

namespace Latchwork.Sqlite.Tests.Maintenance;

public sealed class SqliteTransferContentTests(SqliteFixture fixture) : TransferContentSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTransferNamespaceTests(SqliteFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTransferRefusalTests(SqliteFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTransferScheduleTests(SqliteFixture fixture) : TransferScheduleSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTransferResumeTests(SqliteFixture fixture) : TransferResumeSuite(fixture), IClassFixture<SqliteFixture>;
