using Latchwork.Redis.Tests.Timers;
using Latchwork.StoreConformance.Maintenance;
using Xunit;

namespace Latchwork.Redis.Tests.Maintenance;

public sealed class RedisTransferContentTests(RedisTimerFixture fixture) : TransferContentSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTransferNamespaceTests(RedisTimerFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTransferScheduleTests(RedisTimerFixture fixture) : TransferScheduleSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTransferRefusalTests(RedisTimerFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<RedisTimerFixture>;

public sealed class RedisTransferResumeTests(RedisTimerFixture fixture) : TransferResumeSuite(fixture), IClassFixture<RedisTimerFixture>;
