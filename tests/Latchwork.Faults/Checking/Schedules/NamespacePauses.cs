using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>While the namespace is paused, nobody claims.</summary>
internal sealed class NamespacePauses
{
    public List<ScheduleCall<NamespacePauseSent>> Calls { get; } = [];

    public List<OccurrencesClaimed> Claims { get; } = [];

    public IEnumerable<string> Check()
    {
        (long From, long To)[] paused = [.. Calls.Where(one => one.Sent.IsPaused && one.Outcome is not null).Select(one => (one.To, EndOf(one))).Where(one => one.Item1 < one.Item2)];
        foreach (OccurrencesClaimed claim in Claims)
        {
            if (Array.Exists(paused, one => claim.Sent > one.From && claim.At < one.To)) yield return $"{claim.Count} occurrences were claimed at {claim.At} although the namespace was paused.";
        }
    }

    // Until when it stays paused for certain: a resumption takes effect between its beginning and its end, one without an answer whenever it likes.
    private long EndOf(ScheduleCall<NamespacePauseSent> pause) =>
        Calls.Where(one => !one.Sent.IsPaused && (one.Outcome is not null || one.IsOpen) && one.To > pause.From).Select(one => one.From).DefaultIfEmpty(long.MaxValue).Min();
}
