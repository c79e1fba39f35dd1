using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Latchwork.Cli.Once;

/// <summary>
/// Kills a command's process group when this process dies, however it dies: a small shell waits for the end of a pipe whose other end only this
/// process has. It catches what the kernel's own binding does not: the command's children, and every command where there is no such binding.
/// </summary>
internal sealed class ProcessGroupMonitor : IDisposable
{
    private const string Script = "trap '' HUP INT QUIT TERM; exec >/dev/null 2>&1; read -r line || kill -s KILL -- \"-$1\"";

    private readonly Process _shell;

    private ProcessGroupMonitor(Process shell) => _shell = shell;

    /// <summary>Begins to watch.</summary>
    /// <returns>Null where there is no shell: then only the kernel's binding holds.</returns>
    public static ProcessGroupMonitor? Start(int groupId)
    {
        if (OperatingSystem.IsWindows()) return null;
        var info = new ProcessStartInfo("/bin/sh", ["-c", Script, "sh", groupId.ToString(CultureInfo.InvariantCulture)])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
        };
        try
        {
            return Process.Start(info) is { } shell ? new ProcessGroupMonitor(shell) : null;
        }
        catch (Win32Exception)
        {
            // A machine without a shell. The documentation says what is not bound there.
            return null;
        }
    }

    /// <summary>Ends the watch and kills nothing.</summary>
    public void Dispose()
    {
        try
        {
            _shell.StandardInput.WriteLine();
            _shell.StandardInput.Close();
        }
        catch (IOException)
        {
            // Somebody killed the shell. There is nothing left that it could kill.
        }

        _shell.Dispose();
    }
}
