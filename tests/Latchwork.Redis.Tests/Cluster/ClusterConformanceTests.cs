using Latchwork.Redis.Tests.Connections;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Locking;
using Latchwork.StoreConformance.Timers;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerPostingTests(ClusterFixture fixture) : TimerPostingSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerClaimingTests(ClusterFixture fixture) : TimerClaimingSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerLeaseTests(ClusterFixture fixture) : TimerLeaseSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerFailingTests(ClusterFixture fixture) : TimerFailingSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerDeadLettersTests(ClusterFixture fixture) : TimerDeadLettersSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerChangingTests(ClusterFixture fixture) : TimerChangingSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerUpcomingTests(ClusterFixture fixture) : TimerUpcomingSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerInFlightTests(ClusterFixture fixture) : TimerInFlightSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerCountersTests(ClusterFixture fixture) : TimerCountersSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerCompletedTests(ClusterFixture fixture) : TimerCompletedSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerRegistryTests(ClusterFixture fixture) : TimerRegistrySuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerClockTests(ClusterFixture fixture) : TimerClockSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerClockAheadTests(ClusterFixture fixture) : TimerClockAheadSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerContentTests(ClusterFixture fixture) : TimerContentSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerPollSlotsTests(ClusterFixture fixture) : TimerPollSlotsSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerWakingTests(ClusterFixture fixture) : TimerWakingSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerDefectTests(ClusterFixture fixture) : DtimerDefectStoreSuite(fixture);

[Collection(ClusterTimers.Name)]
public sealed class ClusterTimerModelTests(ClusterFixture fixture) : TimerModelSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerOwnershipTests(ClusterFixture fixture) : LockerOwnershipSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerOutcomeTests(ClusterFixture fixture) : LockerOutcomeSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerForgettingTests(ClusterFixture fixture) : LockerForgettingSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerModelTests(ClusterFixture fixture) : LockerModelSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerEngineTests(ClusterFixture fixture) : LockerEngineSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerCancellingTests(ClusterFixture fixture) : LockerCancellingSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterLockerThreadsTests(ClusterFixture fixture) : LockerThreadsSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterEngineDeliveryTests(ClusterFixture fixture) : EngineDeliverySuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterEngineLeaseTests(ClusterFixture fixture) : EngineLeaseSuite(fixture);

[Collection(ClusterEngines.Name)]
public sealed class ClusterEngineFaultTests(ClusterFixture fixture) : EngineFaultSuite(fixture);

[Collection(BlockedPoolAlone.Name)]
[Trait("Process", "own")]
public sealed class ClusterEngineBlockedPoolTests(ClusterFixture fixture) : EngineBlockedPoolSuite(fixture), IClassFixture<ClusterFixture>;
