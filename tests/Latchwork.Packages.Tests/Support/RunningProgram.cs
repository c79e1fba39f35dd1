using System.Diagnostics;
using System.Text;

namespace Latchwork.Packages.Tests.Support;

/// <summary>A program that a test has started: what it writes, and a way to tell it to go on. It ends with the test.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    // Far more than anything takes: only a program that hangs meets it.
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private RunningProgram(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>What it has written so far, errors included.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    public bool HasExited => _process.HasExited;

    public static RunningProgram Start(string folder, string program, params string[] arguments) => Start(folder, [], program, arguments);

    /// <summary>Starts a program with variables of its environment beside those of a user's shell.</summary>
    public static RunningProgram Start(string folder, Dictionary<string, string> environment, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The tests' own runner tells its children which SDK and which packages to use; a user's shell does not.
        foreach (string name in start.Environment.Keys.Where(IsOfTheRunner).ToArray()) start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return new RunningProgram(Process.Start(start)!);
    }

    /// <summary>Runs a program to its end, which has to be a good one.</summary>
    /// <returns>What it wrote.</returns>
    public static async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        await using RunningProgram running = Start(folder, program, arguments);
        return await running.EndAsync();
    }

    /// <summary>Runs a program to its end, which has to be a good one, with variables of its environment beside those of a user's shell.</summary>
    /// <returns>What it wrote.</returns>
    public static async Task<string> RunAsync(string folder, Dictionary<string, string> environment, string program, params string[] arguments)
    {
        await using RunningProgram running = Start(folder, environment, program, arguments);
        return await running.EndAsync();
    }

    /// <summary>Writes a line to its input.</summary>
    public void Send(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>Waits until it has ended well.</summary>
    /// <returns>What it wrote.</returns>
    public async Task<string> EndAsync()
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(_timeout);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{Name} has not ended after {_timeout}. It wrote:\n{Output}");
        }

        return _process.ExitCode == 0 ? Output : throw new InvalidOperationException($"{Name} ended with exit code {_process.ExitCode}:\n{Output}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private string Name => $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)}";

    private static bool IsOfTheRunner(string name) =>
        name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("VSTEST", StringComparison.OrdinalIgnoreCase)
        || name is "NUGET_PACKAGES" or "NUGET_FALLBACK_PACKAGES" or "DOTNET_HOST_PATH" or "LATCHWORK_STORE";

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output) _output.AppendLine(line);
    }
}
