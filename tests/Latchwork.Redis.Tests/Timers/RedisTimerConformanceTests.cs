using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Latchwork.StoreConformance.Timers;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

public sealed class RedisTimerPostingTests(RedisTimerFixture fixture) : TimerPostingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerClaimingTests(RedisTimerFixture fixture) : TimerClaimingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerLeaseTests(RedisTimerFixture fixture) : TimerLeaseSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerFailingTests(RedisTimerFixture fixture) : TimerFailingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerDeadLettersTests(RedisTimerFixture fixture) : TimerDeadLettersSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerChangingTests(RedisTimerFixture fixture) : TimerChangingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerUpcomingTests(RedisTimerFixture fixture) : TimerUpcomingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerInFlightTests(RedisTimerFixture fixture) : TimerInFlightSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerCountersTests(RedisTimerFixture fixture) : TimerCountersSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerCompletedTests(RedisTimerFixture fixture) : TimerCompletedSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerRegistryTests(RedisTimerFixture fixture) : TimerRegistrySuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerClockTests(RedisTimerFixture fixture) : TimerClockSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerClockAheadTests(RedisTimerFixture fixture) : TimerClockAheadSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerContentTests(RedisTimerFixture fixture) : TimerContentSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerPollSlotsTests(RedisTimerFixture fixture) : TimerPollSlotsSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerPauseTests(RedisTimerFixture fixture) : TimerPauseSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerWakingTests(RedisTimerFixture fixture) : TimerWakingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerDefectTests(RedisTimerFixture fixture) : DtimerDefectStoreSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisScheduleAdvanceTests(RedisTimerFixture fixture) : ScheduleAdvanceSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisScheduleOverlapTests(RedisTimerFixture fixture) : ScheduleOverlapSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisScheduleModelTests(RedisTimerFixture fixture) : ScheduleModelSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisScheduleRecordTests(RedisTimerFixture fixture) : ScheduleRecordSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisScheduleExaminationTests(RedisTimerFixture fixture) : ScheduleExaminationSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTimerModelTests(RedisTimerFixture fixture) : TimerModelSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisCoverageTests
{
    [Fact]
    public void Every_suite_runs_or_is_excused() => SuiteCoverage.Gaps(typeof(RedisCoverageTests).Assembly, new RedisTimerFixture()).ShouldBeEmpty();
}
