using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Latchwork.StoreConformance.Timers;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Timers;

public sealed class SqliteTimerPostingTests(SqliteFixture fixture) : TimerPostingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerClaimingTests(SqliteFixture fixture) : TimerClaimingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerLeaseTests(SqliteFixture fixture) : TimerLeaseSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerFailingTests(SqliteFixture fixture) : TimerFailingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerDeadLettersTests(SqliteFixture fixture) : TimerDeadLettersSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerChangingTests(SqliteFixture fixture) : TimerChangingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteScheduleModelTests(SqliteFixture fixture) : ScheduleModelSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteScheduleRecordTests(SqliteFixture fixture) : ScheduleRecordSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteScheduleExaminationTests(SqliteFixture fixture) : ScheduleExaminationSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteScheduleAdvanceTests(SqliteFixture fixture) : ScheduleAdvanceSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteScheduleOverlapTests(SqliteFixture fixture) : ScheduleOverlapSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerUpcomingTests(SqliteFixture fixture) : TimerUpcomingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerInFlightTests(SqliteFixture fixture) : TimerInFlightSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerCountersTests(SqliteFixture fixture) : TimerCountersSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerCompletedTests(SqliteFixture fixture) : TimerCompletedSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerRegistryTests(SqliteFixture fixture) : TimerRegistrySuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerClockTests(SqliteFixture fixture) : TimerClockSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerClockAheadTests(SqliteFixture fixture) : TimerClockAheadSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerContentTests(SqliteFixture fixture) : TimerContentSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerPollSlotsTests(SqliteFixture fixture) : TimerPollSlotsSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerPauseTests(SqliteFixture fixture) : TimerPauseSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerWakingTests(SqliteFixture fixture) : TimerWakingSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerDefectTests(SqliteFixture fixture) : DtimerDefectStoreSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteTimerModelTests(SqliteFixture fixture) : TimerModelSuite(fixture), IClassFixture<SqliteFixture>;

public sealed class SqliteCoverageTests
{
    [Fact]
    public void Every_suite_runs_or_is_excused() => SuiteCoverage.Gaps(typeof(SqliteCoverageTests).Assembly, new SqliteFixture()).ShouldBeEmpty();
}
