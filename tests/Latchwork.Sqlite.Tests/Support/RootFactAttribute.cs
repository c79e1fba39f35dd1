using Xunit;

namespace Latchwork.Sqlite.Tests.Support;

/// <summary>A test that needs a file system of its own, which only root on Linux can mount.</summary>
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || !File.Exists("/bin/mount")) Skip = "It mounts a file system, which needs root on Linux.";
    }
}
