using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Locking;
using Latchwork.StoreConformance.Timers;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

public sealed class SharedTimerPostingTests(SharedFixture fixture) : TimerPostingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerClaimingTests(SharedFixture fixture) : TimerClaimingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerLeaseTests(SharedFixture fixture) : TimerLeaseSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerFailingTests(SharedFixture fixture) : TimerFailingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerDeadLettersTests(SharedFixture fixture) : TimerDeadLettersSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerChangingTests(SharedFixture fixture) : TimerChangingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerUpcomingTests(SharedFixture fixture) : TimerUpcomingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerInFlightTests(SharedFixture fixture) : TimerInFlightSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerCountersTests(SharedFixture fixture) : TimerCountersSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerCompletedTests(SharedFixture fixture) : TimerCompletedSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerRegistryTests(SharedFixture fixture) : TimerRegistrySuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerClockTests(SharedFixture fixture) : TimerClockSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerClockAheadTests(SharedFixture fixture) : TimerClockAheadSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerContentTests(SharedFixture fixture) : TimerContentSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerPollSlotsTests(SharedFixture fixture) : TimerPollSlotsSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerWakingTests(SharedFixture fixture) : TimerWakingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedTimerModelTests(SharedFixture fixture) : TimerModelSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerOwnershipTests(SharedFixture fixture) : LockerOwnershipSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerOutcomeTests(SharedFixture fixture) : LockerOutcomeSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerForgettingTests(SharedFixture fixture) : LockerForgettingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerModelTests(SharedFixture fixture) : LockerModelSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerEngineTests(SharedFixture fixture) : LockerEngineSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerCancellingTests(SharedFixture fixture) : LockerCancellingSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedLockerThreadsTests(SharedFixture fixture) : LockerThreadsSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedEngineDeliveryTests(SharedFixture fixture) : EngineDeliverySuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedEngineLeaseTests(SharedFixture fixture) : EngineLeaseSuite(fixture), IClassFixture<SharedFixture>;

public sealed class SharedEngineFaultTests(SharedFixture fixture) : EngineFaultSuite(fixture), IClassFixture<SharedFixture>;
