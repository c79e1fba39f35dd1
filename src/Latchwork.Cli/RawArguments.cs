using System.Text.Unicode;

namespace Latchwork.Cli;

/// <summary>The bytes of this process's arguments. .NET reads them as UTF-8, and what is none becomes something else: two different keys one.</summary>
internal static class RawArguments
{
    /// <summary>Reads them, where the system tells (Linux).</summary>
    /// <param name="count">The number of arguments that <c>Main</c> was given: what stands before them starts the runtime.</param>
    /// <returns>Null if all of them are UTF-8, or it is not known.</returns>
    public static IReadOnlyList<byte[]>? Read(int count)
    {
        if (!OperatingSystem.IsLinux()) return null;
        byte[] line;
        try
        {
            line = File.ReadAllBytes("/proc/self/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // a system without /proc
        }

        if (Utf8.IsValid(line)) return null;
        var all = new List<byte[]>();
        foreach (Range one in line.AsSpan().Split((byte)0)) all.Add(line[one]);
        all.RemoveAt(all.Count - 1); // each ends with a zero
        return all.Count >= count ? all[^count..] : null;
    }
}
