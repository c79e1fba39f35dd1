using Latchwork.Cli.Output;

namespace Latchwork.Cli.Posting;

/// <summary>Tells what was posted, also when a line or the store put an end to it.</summary>
internal static class PostReport
{
    /// <summary>Writes the summary.</summary>
    /// <returns>The exit code.</returns>
    public static int Write(Printer printer, PostSummary summary)
    {
        printer.Result(
            json =>
            {
                json.WriteNumber("posted", summary.Posted);
                json.WriteNumber("created", summary[PostOutcome.Created]);
                json.WriteNumber("replaced", summary[PostOutcome.Replaced]);
                json.WriteNumber("kept", summary[PostOutcome.Kept]);
                json.WriteNumber("exists", summary[PostOutcome.Exists]);
                json.WriteNumber("elapsedMs", SnapshotOutput.Milliseconds(summary.Elapsed));
            },
            () => Sentence(summary));
        if (summary.Failure is { } failure)
        {
            printer.Fail(failure.Message);
            return failure.ExitCode;
        }

        if (summary[PostOutcome.Exists] > 0)
        {
            printer.Fail($"{Printable.Count(summary[PostOutcome.Exists])} events were not posted: their ids exist (--each tells which)");
            return ExitCodes.Conflict;
        }

        return ExitCodes.Done;
    }

    private static string Sentence(PostSummary summary)
    {
        var parts = new List<string> { $"posted {Printable.Count(summary.Posted)}" };
        if (summary[PostOutcome.Replaced] > 0) parts.Add($"of which {Printable.Count(summary[PostOutcome.Replaced])} replaced others");
        if (summary[PostOutcome.Kept] > 0) parts.Add($"{Printable.Count(summary[PostOutcome.Kept])} were kept as they are");
        if (summary[PostOutcome.Exists] > 0) parts.Add($"{Printable.Count(summary[PostOutcome.Exists])} exist");
        double seconds = Math.Max(summary.Elapsed.TotalSeconds, 0.001);
        return $"{string.Join(", ", parts)} ({Printable.Duration(summary.Elapsed)}, {Printable.Count((long)(summary.Answered / seconds))} events/s)";
    }
}
