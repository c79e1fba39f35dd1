using System.Diagnostics;
using System.Globalization;

namespace Latchwork.Worker;

/// <summary>Writes lines that begin with the time in µs on the monotonic clock, which all processes of a machine share.</summary>
internal static class Output
{
    private static readonly Lock _gate = new();

    public static long Now => (long)(Stopwatch.GetTimestamp() * (1_000_000.0 / Stopwatch.Frequency));

    public static void Write(params ReadOnlySpan<object> words)
    {
        string line = Now.ToString(CultureInfo.InvariantCulture);
        foreach (object word in words) line += $" {word}";
        lock (_gate)
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
    }
}
