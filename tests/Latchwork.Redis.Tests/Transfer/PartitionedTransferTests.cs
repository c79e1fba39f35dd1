using Latchwork.StoreConformance.Transfer;
using Xunit;

namespace Latchwork.Redis.Tests.Transfer;

public sealed class PartitionedTransferContentTests(RoutedFixture fixture) : TransferContentSuite(fixture), IClassFixture<RoutedFixture>;

public sealed class PartitionedTransferNamespaceTests(RoutedFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<RoutedFixture>;

public sealed class PartitionedTransferRefusalTests(RoutedFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<RoutedFixture>;

public sealed class PartitionedTransferResumeTests(RoutedFixture fixture) : TransferResumeSuite(fixture), IClassFixture<RoutedFixture>;
