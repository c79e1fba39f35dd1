using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Timers;
using Xunit;

namespace Latchwork.Postgres.Tests.Timers;

public sealed class PostgresTimerPostingTests(PostgresFixture fixture) : TimerPostingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerClaimingTests(PostgresFixture fixture) : TimerClaimingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerLeaseTests(PostgresFixture fixture) : TimerLeaseSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerFailingTests(PostgresFixture fixture) : TimerFailingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerDeadLettersTests(PostgresFixture fixture) : TimerDeadLettersSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerChangingTests(PostgresFixture fixture) : TimerChangingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerUpcomingTests(PostgresFixture fixture) : TimerUpcomingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerInFlightTests(PostgresFixture fixture) : TimerInFlightSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerCountersTests(PostgresFixture fixture) : TimerCountersSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerCompletedTests(PostgresFixture fixture) : TimerCompletedSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerRegistryTests(PostgresFixture fixture) : TimerRegistrySuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerClockTests(PostgresFixture fixture) : TimerClockSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerClockAheadTests(PostgresFixture fixture) : TimerClockAheadSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerContentTests(PostgresFixture fixture) : TimerContentSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerPollSlotsTests(PostgresFixture fixture) : TimerPollSlotsSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerPauseTests(PostgresFixture fixture) : TimerPauseSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerWakingTests(PostgresFixture fixture) : TimerWakingSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerDefectTests(PostgresFixture fixture) : DtimerDefectStoreSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresScheduleAdvanceTests(PostgresFixture fixture) : ScheduleAdvanceSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresScheduleOverlapTests(PostgresFixture fixture) : ScheduleOverlapSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresScheduleModelTests(PostgresFixture fixture) : ScheduleModelSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresScheduleRecordTests(PostgresFixture fixture) : ScheduleRecordSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresScheduleExaminationTests(PostgresFixture fixture) : ScheduleExaminationSuite(fixture), IClassFixture<PostgresFixture>;

public sealed class PostgresTimerModelTests(PostgresFixture fixture) : TimerModelSuite(fixture), IClassFixture<PostgresFixture>;
