using Latchwork.StoreConformance.Maintenance;
using Xunit;

namespace Latchwork.Redis.Tests.Maintenance;

public sealed class PartitionedTransferContentTests(RoutedFixture fixture) : TransferContentSuite(fixture), IClassFixture<RoutedFixture>;

public sealed class PartitionedTransferNamespaceTests(RoutedFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<RoutedFixture>;

public sealed class PartitionedTransferRefusalTests(RoutedFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<RoutedFixture>;

public sealed class PartitionedTransferResumeTests(RoutedFixture fixture) : TransferResumeSuite(fixture), IClassFixture<RoutedFixture>;
