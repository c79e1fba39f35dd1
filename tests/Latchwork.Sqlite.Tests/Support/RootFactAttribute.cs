using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Sqlite.Tests.Support;

/// <summary>A test that needs a file system of its own, which only root on Linux can mount, and not in every container.</summary>
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (!SmallDisk.IsPossible) Skip = "It mounts a file system, which needs root on Linux.";
    }
}
