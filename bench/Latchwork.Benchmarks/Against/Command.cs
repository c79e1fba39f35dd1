using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Latchwork.Benchmarks.Against;

/// <summary>What a program came to.</summary>
/// <param name="ExitCode">Its exit code; null if it was ended because its time was over.</param>
/// <param name="Output">What it wrote to standard output.</param>
/// <param name="Errors">What it wrote to standard error.</param>
internal sealed record Ended(int? ExitCode, string Output, string Errors)
{
    /// <summary>Why it failed, as far as it said: the last lines.</summary>
    public string Tail(int lines = 1)
    {
        string[] all = (Errors.Trim().Length > 0 ? Errors : Output).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Join('\n', all[^Math.Min(lines, all.Length)..]);
    }
}

internal static class Command
{
    private static readonly TimeSpan _unlimited = TimeSpan.FromDays(1);

    /// <summary>Runs a program to its end. If it has to stop, or its time is over, it is ended with all that it started.</summary>
    /// <exception cref="OperationCanceledException">It had to stop.</exception>
    /// <exception cref="InvalidOperationException">There is no such program.</exception>
    public static async Task<Ended> RunAsync(
        string program, IEnumerable<string> words, string folder, IReadOnlyDictionary<string, string> environment, TimeSpan? limit, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var start = new ProcessStartInfo(program, words) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        StringBuilder output = new(), errors = new();
        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(errors, line.Data);
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"'{program}' did not start: {e.Message}", e);
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limited.CancelAfter(limit ?? _unlimited);
        int? code = null;
        try
        {
            await process.WaitForExitAsync(limited.Token);
            code = process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(TimeSpan.FromSeconds(5));
            cancellationToken.ThrowIfCancellationRequested();
        }

        return new Ended(code, Read(output), Read(errors));
    }

    // Lines may still come in from a process that was ended.
    private static void Keep(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.Append(line).Append('\n');
    }

    private static string Read(StringBuilder text)
    {
        lock (text) return text.ToString();
    }
}
