using Xunit;

namespace Latchwork.Sqlite.Tests.Support;

/// <summary>A test that needs a file system of its own, which only root on Linux can mount, and not in every container.</summary>
public sealed class RootFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> _canMount = new(CanMount);

    public RootFactAttribute()
    {
        if (!_canMount.Value) Skip = "It mounts a file system, which needs root on Linux.";
    }

    private static bool CanMount()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess) return false;
        try
        {
            new SmallDisk(kilobytes: 64).Dispose();
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false; // no such program, or no right to
        }
    }
}
