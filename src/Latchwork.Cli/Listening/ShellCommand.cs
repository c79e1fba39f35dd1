using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Latchwork.Cli.Once;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Listening;

/// <summary>How a command ended.</summary>
/// <param name="Error">What to keep with the event, or null if the exit code was 0.</param>
/// <param name="OutputFailure">Why not all of its output could be passed on; null if it could.</param>
internal readonly record struct ShellResult(string? Error, OutputFailedException? OutputFailure = null)
{
    public bool Succeeded => Error is null;
}

/// <summary>Runs the command of <c>--exec</c> for one delivery.</summary>
internal static class ShellCommand
{
    // A grandchild in the background may keep the pipes open; its output is not waited for longer than this.
    private static readonly TimeSpan _drain = TimeSpan.FromSeconds(1);

    /// <summary>Runs the command to its end. If the lease is lost, it is killed with all its children.</summary>
    /// <param name="command">A command line for the shell.</param>
    /// <param name="delivery">The delivery: its data go to standard input.</param>
    /// <param name="printer">Where its output goes: standard output (with <c>--json</c>, standard error).</param>
    /// <param name="stopping">Fires when the lease is lost or the node leaves and waits no longer.</param>
    /// <returns>How it ended.</returns>
    /// <exception cref="OperationCanceledException">It was killed.</exception>
    public static async Task<ShellResult> RunAsync(string command, TimerDelivery delivery, Printer printer, CancellationToken stopping)
    {
        using var process = new Process { StartInfo = CreateStartInfo(command, delivery) };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return new ShellResult($"the shell cannot be started: {e.Message}");
        }

        var errors = new OutputPump(process.StandardError, printer.ExecError);
        var output = new OutputPump(process.StandardOutput, printer.ExecOutput);
        Task pumping = Task.WhenAll(errors.RunAsync(), output.RunAsync());
        try
        {
            await PipeAsync(process, delivery.Payload, stopping).ConfigureAwait(false);
            await process.WaitForExitAsync(stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Kill(process);
            throw;
        }

        await Task.WhenAny(pumping, Task.Delay(_drain, TimeProvider.System, CancellationToken.None)).ConfigureAwait(false);
        if (process.ExitCode == 0) return new ShellResult(null, output.Failure);
        string last = errors.LastLine is { Length: > 0 } line ? $": {line}" : "";
        return new ShellResult($"exit code {process.ExitCode}{last}", output.Failure);
    }

    private static ProcessStartInfo CreateStartInfo(string command, TimerDelivery delivery)
    {
        var info = new ProcessStartInfo
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (OperatingSystem.IsWindows())
        {
            info.FileName = "cmd.exe";
            info.Arguments = "/d /s /c \"" + command + "\"";
        }
        else
        {
            // Ctrl-C reaches every process of the terminal. The command ignores it, so that leaving can let it finish.
            info.FileName = "/bin/sh";
            info.ArgumentList.Add("-c");
            // The limit on open files is put back to what it was before .NET raised it.
            info.ArgumentList.Add("trap '' INT; [ -z \"$1\" ] || ulimit -S -n \"$1\"; shift; eval \"$0\"");
            info.ArgumentList.Add(command);
            info.ArgumentList.Add(Posix.FindOriginalFileLimit()?.ToString(CultureInfo.InvariantCulture) ?? "");
        }

        CultureInfo culture = CultureInfo.InvariantCulture;
        info.Environment["LATCHWORK_ID"] = delivery.Id;
        info.Environment["LATCHWORK_NAMESPACE"] = delivery.Namespace;
        info.Environment["LATCHWORK_RETRIES"] = delivery.Retries.ToString(culture);
        info.Environment["LATCHWORK_MAX_RETRIES"] = delivery.MaxRetries.ToString(culture);
        info.Environment["LATCHWORK_TOKEN"] = delivery.Token;
        info.Environment["LATCHWORK_DUE"] = delivery.Due.UtcDateTime.ToString("O", culture);
        info.Environment["LATCHWORK_LATENESS_MS"] = delivery.Lateness.TotalMilliseconds.ToString("0.###", culture);
        return info;
    }

    private static async Task PipeAsync(Process process, ReadOnlyMemory<byte> payload, CancellationToken stopping)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(payload, stopping).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The command has closed its standard input without reading all of it, as it may. Its exit code tells whether that was well.
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException) when (process.HasExited)
        {
            // It ended by itself in the meantime, which is all that is wanted.
        }
    }
}
