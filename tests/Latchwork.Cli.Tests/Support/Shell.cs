using System.Diagnostics;
using System.Text;

namespace Latchwork.Cli.Tests.Support;

/// <summary>A shell in a folder of its own, which is the user's home, too, and in which <c>latchwork</c> is installed. Disposing it ends what it started.</summary>
public sealed class Shell : IDisposable
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("lw-shell-").FullName;
    private readonly List<Process> _started = [];

    public Shell() => Write("bin/latchwork", $"#!/bin/sh\nexec dotnet '{typeof(CliApplication).Assembly.Location}' \"$@\"\n");

    /// <summary>The path of a file in its folder.</summary>
    public string this[string name] => Path.Combine(_folder, name);

    /// <summary>Writes a file that can be executed.</summary>
    public void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], text);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(this[name], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Runs a line to its end.</summary>
    /// <returns>Its exit code, and what it wrote, errors included.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(string line)
    {
        await using Running running = Start(line);
        return await running.EndsAsync(_timeout);
    }

    /// <summary>Starts a line.</summary>
    public Running Start(string line)
    {
        // Both outputs into one, so that their order is kept. A background process of an earlier line may hold neither.
        var start = new ProcessStartInfo("bash", ["-c", $"exec 2>&1; {line}"]) { WorkingDirectory = _folder, RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment.Remove("LATCHWORK_STORE");
        start.Environment.Remove("XDG_DATA_HOME");
        start.Environment["HOME"] = _folder;
        start.Environment["PATH"] = $"{this["bin"]}:{start.Environment["PATH"]}";
        Process process = Process.Start(start)!;
        _started.Add(process);
        return new Running(process);
    }

    public void Dispose()
    {
        foreach (Process process in _started) process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A line that runs. Disposing it ends it.</summary>
    public sealed class Running : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _output = new();

        internal Running(Process process)
        {
            _process = process;
            process.StandardInput.Close();
            process.OutputDataReceived += (_, line) =>
            {
                if (line.Data is null) return;
                lock (_output) _output.Append(line.Data).Append('\n');
            };
            process.BeginOutputReadLine();
        }

        /// <summary>What it has written so far.</summary>
        public string Output
        {
            get
            {
                lock (_output) return _output.ToString();
            }
        }

        internal async Task<(int ExitCode, string Output)> EndsAsync(TimeSpan timeout)
        {
            await _process.WaitForExitAsync().WaitAsync(timeout);
            return (_process.ExitCode, Output);
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }
}
