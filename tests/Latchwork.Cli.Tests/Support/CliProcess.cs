using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Cli.Tests.Support;

/// <summary>The tool as a process of its own. Disposing it ends the process.</summary>
public sealed class CliProcess : IAsyncDisposable
{
    private const int SigInt = 2;
    private const int SigTerm = 15;
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly StringBuilder _error = new();

    private CliProcess(Process process) => _process = process;

    public int Id => _process.Id;

    /// <summary>The lines of its standard output so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines) return [.. _lines];
        }
    }

    /// <summary>The lines of its standard output so far, as JSON.</summary>
    public IReadOnlyList<JsonElement> Json => [.. Lines.Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Its standard error so far.</summary>
    public string Error
    {
        get
        {
            lock (_error) return _error.ToString();
        }
    }

    /// <summary>Starts the tool.</summary>
    public static CliProcess Start(params string[] args) => Launch("dotnet", [Assembly, .. args]);

    /// <summary>Starts the tool with its standard output piped into another command, whose exit code and output are seen.</summary>
    public static CliProcess StartInto(string reader, params string[] args) => Launch("/bin/sh", ["-c", $"dotnet \"$0\" \"$@\" | {reader}", Assembly, .. args]);

    /// <summary>Starts the tool by a shell that redirects its standard streams: <c>&gt;&amp;-</c>, <c>2&gt;/dev/full</c>.</summary>
    public static CliProcess StartRedirected(string redirection, params string[] args) => Launch("/bin/sh", ["-c", $"exec dotnet \"$0\" \"$@\" {redirection}", Assembly, .. args]);

    private static string Assembly => typeof(CliApplication).Assembly.Location;

    private static CliProcess Launch(string program, string[] args)
    {
        // Tests that a shell runs in the background ignore Ctrl-C, and what they start would, too.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", program, .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("LATCHWORK_STORE");
        var cli = new CliProcess(Process.Start(start)!);
        cli._process.OutputDataReceived += (_, e) => cli.KeepLine(e.Data);
        cli._process.ErrorDataReceived += (_, e) => cli.KeepError(e.Data);
        cli._process.BeginOutputReadLine();
        cli._process.BeginErrorReadLine();
        return cli;
    }

    /// <summary>Waits until it has printed a number of lines.</summary>
    public Task<IReadOnlyList<string>> PrintsAsync(int lines, TimeSpan? within = null) => Eventually.ReadsAsync(
        () => Task.FromResult(Lines), seen => seen.Count >= lines, $"{lines} lines of the tool; on standard error: {Error}", within);

    /// <summary>Waits for its end.</summary>
    public async Task<int> ExitsAsync()
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    /// <summary>Ends it immediately (SIGKILL), like a crash.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Asks it to end (SIGTERM).</summary>
    public void Terminate() => Signal(SigTerm);

    /// <summary>Presses Ctrl-C (SIGINT).</summary>
    public void Interrupt() => Signal(SigInt);

    private void Signal(int signal)
    {
        if (NativeKill(_process.Id, signal) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void KeepLine(string? line)
    {
        if (line is null) return;
        lock (_lines) _lines.Add(line);
    }

    private void KeepError(string? line)
    {
        lock (_error) _error.AppendLine(line);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
