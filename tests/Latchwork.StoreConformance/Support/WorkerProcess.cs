using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Latchwork.StoreConformance.Support;

/// <summary>A line that a worker wrote: when (µs on the monotonic clock, which all processes share), and its words.</summary>
public sealed record WorkerLine(long At, string[] Words);

/// <summary>A node in a process of its own, which can be killed and frozen. See the project Latchwork.Worker for what it understands.</summary>
public sealed class WorkerProcess : IAsyncDisposable
{
    private static readonly int _sigstop = OperatingSystem.IsMacOS() ? 17 : 19;
    private static readonly int _sigcont = OperatingSystem.IsMacOS() ? 19 : 18;
    private readonly Process _process;
    private readonly ConcurrentQueue<WorkerLine> _lines = new();

    private WorkerProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data is null ? null : $"0 error {line.Data}");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Everything that it has written so far.</summary>
    public IReadOnlyList<WorkerLine> Lines => [.. _lines];

    /// <summary>Starts a worker; it is ready when <see cref="ReadAsync"/> gives its line <c>ready</c>.</summary>
    public static Task<WorkerProcess> StartAsync(string uri, TimeSpan lease, TimeSpan? recheck = null) =>
        StartAsync(uri, Text(lease), Text(recheck ?? TimeSpan.FromSeconds(1)));

    /// <summary>Starts a worker that is a host with its defaults, on a database of SQLite, and waits until it listens.</summary>
    public static Task<WorkerProcess> StartHostAsync(string database, string ns) => StartAsync("host", database, ns);

    private static async Task<WorkerProcess> StartAsync(params string[] words)
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Latchwork.Worker.dll"), .. words];
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var worker = new WorkerProcess(Process.Start(start)!);
        await worker.ReadAsync("ready");
        return worker;
    }

    public void Send(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits for a line that begins with some words.</summary>
    public async Task<WorkerLine> ReadAsync(params string[] words)
    {
        WorkerLine? line = await Eventually.ReadsAsync(
            () => Task.FromResult(Find(words)),
            found => found is not null || Find("error") is not null || _process.HasExited,
            $"a worker writes '{string.Join(' ', words)}'",
            TimeSpan.FromMinutes(3));
        return line ?? throw new InvalidOperationException(
            $"The worker did not write '{string.Join(' ', words)}' but:\n{string.Join('\n', _lines.Select(l => string.Join(' ', l.Words)))}");
    }

    /// <summary>Sends a command and waits for a line that begins with some words.</summary>
    public Task<WorkerLine> AskAsync(string command, params string[] words)
    {
        Send(command);
        return ReadAsync(words);
    }

    /// <summary>The first line that begins with some words; null if there is none yet.</summary>
    public WorkerLine? Find(params string[] words) => _lines.FirstOrDefault(line => line.Words.AsSpan().StartsWith(words));

    /// <summary>Ends the process immediately (SIGKILL).</summary>
    public void Kill() => _process.Kill();

    /// <summary>Waits until it has ended, and everything that it wrote has been read.</summary>
    public Task EndedAsync() => _process.WaitForExitAsync();

    /// <summary>Asks the process to end, as a service manager does (SIGTERM).</summary>
    public void Terminate() => Signal(15);

    /// <summary>Freezes the process (SIGSTOP).</summary>
    public void Freeze() => Signal(_sigstop);

    /// <summary>Lets a frozen process go on (SIGCONT).</summary>
    public void Resume() => Signal(_sigcont);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static string Text(TimeSpan time) => time.TotalMilliseconds.ToString(CultureInfo.InvariantCulture);

    private void Keep(string? line)
    {
        if (line is null) return;
        string[] words = line.Split(' ');
        _lines.Enqueue(new WorkerLine(long.Parse(words[0], CultureInfo.InvariantCulture), words[1..]));
    }

    private void Signal(int signal)
    {
        if (NativeKill(_process.Id, signal) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
