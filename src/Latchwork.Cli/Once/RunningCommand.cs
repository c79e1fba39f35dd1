using System.ComponentModel;
using System.Diagnostics;

namespace Latchwork.Cli.Once;

/// <summary>A command that runs: bound to this process, its output kept.</summary>
internal sealed class RunningCommand : IDisposable
{
    /// <summary>What a command has between SIGTERM and SIGKILL.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    // A grandchild in the background may keep the pipes open; its output is not waited for longer than this.
    private static readonly TimeSpan _drain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly string _nonce;
    private readonly int _maxOutput;
    private readonly OutputCapture _capture;
    private readonly ManualResetEventSlim _over;
    private readonly ProcessGroupMonitor? _monitor;
    private readonly Task _reading;

    private RunningCommand(Process process, string nonce, int maxOutput, ManualResetEventSlim over)
    {
        _process = process;
        _nonce = nonce;
        _maxOutput = maxOutput;
        _capture = new OutputCapture(Math.Max(maxOutput, CommandLauncher.MaxReportBytes));
        _over = over;
        _monitor = ProcessGroupMonitor.Start(process.Id);
        process.StandardInput.Close();
        _reading = _capture.ReadAsync(process.StandardOutput.BaseStream, process.StandardError.BaseStream);
        Exited = process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>Ends when the command has ended.</summary>
    public Task Exited { get; }

    /// <summary>Ends when the command has written too much.</summary>
    public Task Overflowed => _capture.Overflowed;

    /// <summary>Starts a command.</summary>
    /// <param name="words">The program and its arguments.</param>
    /// <param name="rawWords">Their bytes, if not all of them are UTF-8.</param>
    /// <param name="environment">Variables to add to those of this process.</param>
    /// <param name="maxOutput">The most bytes of output.</param>
    /// <returns>The command; on Unix it is not yet sure that there is such a program.</returns>
    /// <exception cref="Win32Exception">It cannot be started.</exception>
    public static async Task<RunningCommand> StartAsync(
        IReadOnlyList<string> words, byte[][]? rawWords, IReadOnlyDictionary<string, string> environment, int maxOutput)
    {
        string nonce = Guid.NewGuid().ToString("N");
        ProcessStartInfo info = CommandLauncher.CreateStartInfo(words, rawWords, nonce);
        foreach ((string name, string value) in environment) info.Environment[name] = value;
        var process = new Process { StartInfo = info };
        var over = new ManualResetEventSlim();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        // The kernel binds the command to the thread that started it, and threads of the pool come and go. This one stays.
        void StartAndStay()
        {
            try
            {
                process.Start();
            }
            catch (Win32Exception e)
            {
                started.SetException(e);
                return;
            }

            started.SetResult();
            over.Wait();
        }

        new Thread(StartAndStay) { IsBackground = true, Name = "latchwork command" }.Start();
        await started.Task.ConfigureAwait(false);
        return new RunningCommand(process, nonce, maxOutput, over);
    }

    /// <summary>What the command ended with. For after its end.</summary>
    /// <returns>Null if it wrote too much.</returns>
    /// <exception cref="Win32Exception">It could not be started.</exception>
    public async Task<CommandResult?> ReadResultAsync()
    {
        await Task.WhenAny(_reading, Task.Delay(_drain, TimeProvider.System, CancellationToken.None)).ConfigureAwait(false);
        (byte[] output, byte[] error) = _capture.Take();
        if (CommandLauncher.FindError(_nonce, _process.ExitCode, error) is { } reason) throw new Win32Exception(reason);
        bool tooMuch = Overflowed.IsCompleted || output.Length + error.Length > _maxOutput;
        return tooMuch ? null : new CommandResult(_process.ExitCode, output, error);
    }

    /// <summary>Tells the command and its children to stop (SIGTERM), and kills those who have not after a while.</summary>
    /// <param name="hurry">Kills immediately.</param>
    public async Task StopAsync(CancellationToken hurry)
    {
        if (OperatingSystem.IsWindows())
        {
            _process.Kill(entireProcessTree: true);
        }
        else
        {
            int id = _process.Id;
            if (!Exited.IsCompleted) Posix.Signal(id, Posix.SigTerm);
            long start = TimeProvider.System.GetTimestamp();
            while ((!Exited.IsCompleted || Posix.GroupExists(id)) && !hurry.IsCancellationRequested && TimeProvider.System.GetElapsedTime(start) < Grace)
            {
                await Task.Delay(_look, TimeProvider.System, CancellationToken.None).ConfigureAwait(false);
            }

            if (!Exited.IsCompleted || Posix.GroupExists(id)) Posix.Signal(id, Posix.SigKill);
        }

        await Exited.ConfigureAwait(false);
    }

    public void Dispose()
    {
        _monitor?.Dispose();
        _over.Set();
        _process.Dispose();
    }
}
