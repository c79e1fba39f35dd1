using Latchwork.Redis.Tests.Connections;
using Latchwork.StoreConformance.Engine;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

public sealed class RedisEngineDeliveryTests(RedisTimerFixture fixture) : EngineDeliverySuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineSpreadTests(RedisTimerFixture fixture) : EngineSpreadSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineLeaseTests(RedisTimerFixture fixture) : EngineLeaseSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEnginePauseTests(RedisTimerFixture fixture) : EnginePauseSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineScheduleTests(RedisTimerFixture fixture) : EngineScheduleSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineReceiveTests(RedisTimerFixture fixture) : EngineReceiveSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineLeaveTests(RedisTimerFixture fixture) : EngineLeaveSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineMembershipTests(RedisTimerFixture fixture) : EngineMembershipSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineFaultTests(RedisTimerFixture fixture) : EngineFaultSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineListingTests(RedisTimerFixture fixture) : EngineListingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineCompletedTests(RedisTimerFixture fixture) : EngineCompletedSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisEngineStressTests(RedisTimerFixture fixture) : EngineStressSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisDtimerDefectEngineTests(RedisTimerFixture fixture) : DtimerDefectEngineSuite(fixture), IClassFixture<RedisTimerFixture>;

[Collection(BlockedPoolAlone.Name)]
[Trait("Process", "own")]
public sealed class RedisEngineBlockedPoolTests(RedisTimerFixture fixture) : EngineBlockedPoolSuite(fixture), IClassFixture<RedisTimerFixture>;
