using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Latchwork.Samples.Tests;

/// <summary>A web sample as a process of its own, on a free port. Disposing ends it.</summary>
public sealed class SampleProcess : IAsyncDisposable
{
    private const string Listening = "Now listening on: ";

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SampleProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => _address.TrySetException(new InvalidOperationException($"The sample ended:\n{string.Join('\n', _output)}"));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Http { get; } = new() { Timeout = TimeSpan.FromMinutes(2) };

    public IEnumerable<string> Output => _output;

    /// <summary>Starts a sample and waits until it serves.</summary>
    public static async Task<SampleProcess> StartAsync(string name, params string[] arguments)
    {
        // bin/CONFIGURATION/net10.0, as for this assembly.
        string build = Path.Combine([.. AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar).Split(Path.DirectorySeparatorChar)[^2..]]);
        string program = Path.Combine(Root(), "samples", name, "bin", build, $"{name}.dll");
        var start = new ProcessStartInfo("dotnet", [program, "--urls", "http://127.0.0.1:0", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(program),           // where its appsettings.json is
            Environment = { ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000" },
        };
        var sample = new SampleProcess(Process.Start(start)!);
        sample.Http.BaseAddress = await sample._address.Task.WaitAsync(TimeSpan.FromMinutes(2));
        return sample;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        int at = line.IndexOf(Listening, StringComparison.Ordinal);
        if (at >= 0) _address.TrySetResult(new Uri(line[(at + Listening.Length)..].Trim()));
    }

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
