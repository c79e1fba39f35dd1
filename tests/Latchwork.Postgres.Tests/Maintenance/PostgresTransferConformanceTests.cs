using Latchwork.StoreConformance.Maintenance;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Maintenance;

public sealed class PostgresTransferContentTests(PostgresFixture fixture) : TransferContentSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTransferNamespaceTests(PostgresFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTransferScheduleTests(PostgresFixture fixture) : TransferScheduleSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTransferRefusalTests(PostgresFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTransferResumeTests(PostgresFixture fixture) : TransferResumeSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresCoverageTests
{
    [Fact]
    public void Every_suite_runs_or_is_excused() => SuiteCoverage.Gaps(typeof(PostgresCoverageTests).Assembly, new PostgresFixture()).ShouldBeEmpty();
}
