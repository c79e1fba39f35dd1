namespace Latchwork.Faults.Running;

/// <summary>Shows what came out of a run.</summary>
internal static class RunReport
{
    /// <summary>Shows it.</summary>
    /// <returns>The exit code.</returns>
    public static int Show(RunOptions options, RunResult result, TextWriter output)
    {
        output.WriteLine($"faults    {string.Join(", ", result.Faults.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}"))}");
        output.WriteLine($"bells     {result.DroppedNotifications} left out");
        if (result.Missing is { } missing) output.WriteLine($"missing   {missing}");
        output.WriteLine($"history   {result.Folder}");
        output.WriteLine($"again     {options.Command}");
        foreach (string trouble in result.Troubles) output.WriteLine($"TROUBLE   {trouble}");
        return result.Troubles.Count == 0 ? 0 : 1;
    }
}
