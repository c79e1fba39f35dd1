using Latchwork.Redis.Tests.Timers;
using Latchwork.StoreConformance.Locking;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

public sealed class RedisLockerOwnershipTests(RedisTimerFixture fixture) : LockerOwnershipSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerOutcomeTests(RedisTimerFixture fixture) : LockerOutcomeSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerKeepingTests(RedisTimerFixture fixture) : LockerKeepingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerCountsTests(RedisTimerFixture fixture) : LockerCountsSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerForgettingTests(RedisTimerFixture fixture) : LockerForgettingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerModelTests(RedisTimerFixture fixture) : LockerModelSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerEngineTests(RedisTimerFixture fixture) : LockerEngineSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerCancellingTests(RedisTimerFixture fixture) : LockerCancellingSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisLockerThreadsTests(RedisTimerFixture fixture) : LockerThreadsSuite(fixture), IClassFixture<RedisTimerFixture>;
