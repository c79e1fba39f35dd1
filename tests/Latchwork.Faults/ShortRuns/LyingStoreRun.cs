using Latchwork.Faults.Checking;
using Latchwork.Faults.Running;
using Xunit;

namespace Latchwork.Faults.ShortRuns;

/// <summary>That runs find nothing means something only if they find what is there.</summary>
public sealed class LyingStoreRun
{
    [Fact]
    public Task A_store_that_breaks_promises_is_found_out() =>
        ShortRun.IsFoundOutAsync(StoreKind.Sqlite, 105, 5, Rules.Lost, Rules.Early, Rules.Again);
}
