using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Latchwork.StoreConformance.Timers;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.InMemory;

public sealed class InMemoryTimerPostingTests(InMemoryFixture fixture) : TimerPostingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerClaimingTests(InMemoryFixture fixture) : TimerClaimingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerLeaseTests(InMemoryFixture fixture) : TimerLeaseSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerFailingTests(InMemoryFixture fixture) : TimerFailingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerDeadLettersTests(InMemoryFixture fixture) : TimerDeadLettersSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerChangingTests(InMemoryFixture fixture) : TimerChangingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerUpcomingTests(InMemoryFixture fixture) : TimerUpcomingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerInFlightTests(InMemoryFixture fixture) : TimerInFlightSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerCountersTests(InMemoryFixture fixture) : TimerCountersSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerCompletedTests(InMemoryFixture fixture) : TimerCompletedSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerRegistryTests(InMemoryFixture fixture) : TimerRegistrySuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerPauseTests(InMemoryFixture fixture) : TimerPauseSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerWakingTests(InMemoryFixture fixture) : TimerWakingSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerPollSlotsTests(InMemoryFixture fixture) : TimerPollSlotsSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerContentTests(InMemoryFixture fixture) : TimerContentSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerClockTests(InMemoryFixture fixture) : TimerClockSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerClockAheadTests(InMemoryFixture fixture) : TimerClockAheadSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryTimerModelTests(InMemoryFixture fixture) : TimerModelSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryScheduleModelTests(InMemoryFixture fixture) : ScheduleModelSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryScheduleRecordTests(InMemoryFixture fixture) : ScheduleRecordSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryScheduleExaminationTests(InMemoryFixture fixture) : ScheduleExaminationSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryScheduleAdvanceTests(InMemoryFixture fixture) : ScheduleAdvanceSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryScheduleOverlapTests(InMemoryFixture fixture) : ScheduleOverlapSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryDtimerDefectTests(InMemoryFixture fixture) : DtimerDefectStoreSuite(fixture), IClassFixture<InMemoryFixture>;

public sealed class InMemoryCoverageTests
{
    [Fact]
    public void Every_suite_runs_or_is_excused() => SuiteCoverage.Gaps(typeof(InMemoryCoverageTests).Assembly, new InMemoryFixture()).ShouldBeEmpty();
}
