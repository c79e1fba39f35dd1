using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Latchwork.Cli.Tests.Support;

/// <summary>The tool as a process of its own, whose output is kept byte for byte. Disposing it ends the process.</summary>
public sealed class OnceProcess : IAsyncDisposable
{
    private const int SigTerm = 15;

    private readonly Process _process;
    private readonly MemoryStream _output = new();
    private readonly MemoryStream _error = new();
    private readonly Task _reading;

    private OnceProcess(Process process)
    {
        _process = process;
        _process.StandardInput.Close();
        _reading = Task.WhenAll(
            process.StandardOutput.BaseStream.CopyToAsync(_output),
            process.StandardError.BaseStream.CopyToAsync(_error));
    }

    public static OnceProcess Start(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(CliApplication).Assembly.Location, .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("LATCHWORK_STORE");
        return new OnceProcess(Process.Start(start)!);
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit code, and its outputs with a character for each byte.</returns>
    public async Task<CliResult> EndsAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await _process.WaitForExitAsync(timeout.Token);
        await _reading.WaitAsync(timeout.Token);
        return new CliResult(_process.ExitCode, Encoding.Latin1.GetString(_output.ToArray()), Encoding.Latin1.GetString(_error.ToArray()));
    }

    /// <summary>Ends it immediately (SIGKILL), like a crash.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Asks it to end (SIGTERM).</summary>
    public void Terminate()
    {
        if (NativeKill(_process.Id, SigTerm) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
