using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Timers;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

// The suites on a namespace of five partitions.
public sealed class PartitionedPostingTests(PartitionedFixture fixture) : TimerPostingSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedClaimingTests(PartitionedFixture fixture) : TimerClaimingSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedDeadLettersTests(PartitionedFixture fixture) : TimerDeadLettersSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedUpcomingTests(PartitionedFixture fixture) : TimerUpcomingSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedInFlightTests(PartitionedFixture fixture) : TimerInFlightSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedCountersTests(PartitionedFixture fixture) : TimerCountersSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedCompletedTests(PartitionedFixture fixture) : TimerCompletedSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedRegistryTests(PartitionedFixture fixture) : TimerRegistrySuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedPauseTests(PartitionedFixture fixture) : TimerPauseSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedWakingTests(PartitionedFixture fixture) : TimerWakingSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedPollSlotsTests(PartitionedFixture fixture) : TimerPollSlotsSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedModelTests(PartitionedFixture fixture) : TimerModelSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineDeliveryTests(PartitionedFixture fixture) : EngineDeliverySuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineLeaseTests(PartitionedFixture fixture) : EngineLeaseSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineLeaveTests(PartitionedFixture fixture) : EngineLeaveSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineMembershipTests(PartitionedFixture fixture) : EngineMembershipSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineFaultTests(PartitionedFixture fixture) : EngineFaultSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineListingTests(PartitionedFixture fixture) : EngineListingSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineCompletedTests(PartitionedFixture fixture) : EngineCompletedSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedEngineStressTests(PartitionedFixture fixture) : EngineStressSuite(fixture), IClassFixture<PartitionedFixture>;

public sealed class PartitionedDtimerDefectTests(PartitionedFixture fixture) : DtimerDefectEngineSuite(fixture), IClassFixture<PartitionedFixture>;
