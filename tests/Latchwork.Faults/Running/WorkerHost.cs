using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Latchwork.Faults.Work;

namespace Latchwork.Faults.Running;

/// <summary>One place for a worker: the process that has it now, and those before it that were killed.</summary>
internal sealed class WorkerHost : IAsyncDisposable
{
    private static readonly int _sigstop = OperatingSystem.IsMacOS() ? 17 : 19;
    private static readonly int _sigcont = OperatingSystem.IsMacOS() ? 19 : 18;
    private const int Sigterm = 15;
    private static readonly TimeSpan _shutdownTimeout = TimeSpan.FromMinutes(1);
    private readonly WorkerSettings _settings;
    private readonly List<string> _errors = [];
    private Process? _process;
    private int _lives;

    public WorkerHost(WorkerSettings settings) => _settings = settings;

    public string Name => _settings.Name;

    /// <summary>The name of the process that has the place, or had it last.</summary>
    public string ProcessName { get; private set; } = "";

    public Role Role => _settings.Role;

    /// <summary>What it wrote to standard error, all of its lives together. A healthy worker writes nothing.</summary>
    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_errors) return [.. _errors];
        }
    }

    /// <summary>Whether it ended without being killed or told to stop.</summary>
    public bool HasCrashed => _process is { HasExited: true };

    /// <summary>Starts a process; each gets a name and a seed of its own.</summary>
    public void Start()
    {
        WorkerSettings settings = _settings with { Life = _lives++ };
        ProcessName = settings.ProcessName;
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [typeof(WorkerHost).Assembly.Location, "worker", .. settings.ToArguments()])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        Process process = Process.Start(start) ?? throw new InvalidOperationException("The worker did not start.");
        process.ErrorDataReceived += (_, line) => Keep(settings, line.Data);
        process.BeginErrorReadLine();
        _process = process;
    }

    /// <summary>Ends the process immediately (SIGKILL).</summary>
    public async Task KillAsync()
    {
        Process process = Current;
        _process = null;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>Asks the process to end, as a service manager does (SIGTERM); kills it if it does not in a minute.</summary>
    /// <returns>Whether it has ended by itself.</returns>
    public async Task<bool> TerminateAsync()
    {
        Signal(Sigterm);
        if (!await EndedAsync(_shutdownTimeout))
        {
            await KillAsync();
            return false;
        }

        Current.Dispose();
        _process = null;
        return true;
    }

    /// <summary>Breaks what the process has of callbacks, or mends them.</summary>
    public Task BreakCallbacksAsync(bool areBroken) => SendAsync(areBroken ? "callbacks broken" : "callbacks whole");

    /// <summary>Freezes the process (SIGSTOP).</summary>
    public void Freeze() => Signal(_sigstop);

    /// <summary>Lets a frozen process go on (SIGCONT).</summary>
    public void Resume() => Signal(_sigcont);

    /// <summary>Makes its wall clock wrong.</summary>
    public Task ShiftClockAsync(TimeSpan shift) => SendAsync($"clock {shift.TotalSeconds.ToString(CultureInfo.InvariantCulture)}");

    /// <summary>Tells it to end what it does and leave.</summary>
    public Task StopAsync() => SendAsync("stop");

    /// <summary>Waits until it has ended in good order.</summary>
    /// <returns>Whether it did.</returns>
    public async Task<bool> EndedAsync(TimeSpan within)
    {
        Process process = Current;
        using var timeout = new CancellationTokenSource(within);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
            return process.ExitCode == 0;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is null) return;
        await KillAsync();
    }

    private Process Current => _process ?? throw new InvalidOperationException($"The worker {Name} is not running.");

    private async Task SendAsync(string command)
    {
        try
        {
            await Current.StandardInput.WriteLineAsync(command);
            await Current.StandardInput.FlushAsync();
        }
        catch (IOException e)
        {
            Keep(_settings, $"It cannot be told '{command}': {e.Message}");
        }
    }

    private void Keep(WorkerSettings settings, string? line)
    {
        if (line is null) return;
        lock (_errors) _errors.Add($"{settings.ProcessName}: {line}");
    }

    private void Signal(int signal)
    {
        if (NativeKill(Current.Id, signal) != 0) throw new System.ComponentModel.Win32Exception(Marshal.GetLastPInvokeError());
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
