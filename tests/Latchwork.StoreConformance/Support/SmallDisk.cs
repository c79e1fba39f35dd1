using System.Diagnostics;

namespace Latchwork.StoreConformance.Support;

/// <summary>A file system in memory with a size of its own, for as long as the test runs.</summary>
public sealed class SmallDisk : IDisposable
{
    private static readonly Lazy<bool> _isPossible = new(CanMount);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("latchwork-");

    public SmallDisk(int kilobytes) => Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", _folder.FullName);

    /// <summary>Whether one can be mounted here: only by root on Linux, and not in every container.</summary>
    public static bool IsPossible => _isPossible.Value;

    /// <summary>Where it is mounted.</summary>
    public string Folder => _folder.FullName;

    public string Database => Path.Combine(_folder.FullName, "latchwork.db");

    /// <summary>Takes up all the room that is left.</summary>
    public void Fill()
    {
        using FileStream ballast = File.Create(Path.Combine(_folder.FullName, "ballast"));
        byte[] block = new byte[4096];
        try
        {
            while (true)
            {
                ballast.Write(block);
                ballast.Flush();
            }
        }
        catch (IOException)
        {
            return; // that is the point
        }
    }

    /// <summary>Makes room again.</summary>
    public void Empty() => File.Delete(Path.Combine(_folder.FullName, "ballast"));

    public void MakeReadOnly() => Run("mount", "-o", "remount,ro", _folder.FullName);

    public void Dispose()
    {
        Run("umount", "-l", _folder.FullName);
        _folder.Delete();
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

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
    }
}
