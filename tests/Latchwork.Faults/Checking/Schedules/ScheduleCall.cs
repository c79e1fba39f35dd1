using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>A call that was sent, and how it ended.</summary>
internal abstract class ScheduleCall(HistoryEntry entry)
{
    public ScheduleCallEnded? End { get; set; }

    public string? Outcome => End?.Outcome;

    /// <summary>When it was sent.</summary>
    public long From => entry.At;

    /// <summary>When it was answered: it has taken effect by then. <see cref="long.MaxValue"/>: it was not.</summary>
    public long To => Outcome is null ? long.MaxValue : End!.At;

    /// <summary>Whether nobody knows if it took effect. One that was refused did not.</summary>
    public bool IsOpen => End is null or { Outcome: null, IsRefused: false };
}

/// <inheritdoc/>
internal class ScheduleCall<T>(T sent) : ScheduleCall(sent)
    where T : HistoryEntry
{
    public T Sent { get; } = sent;
}

/// <summary>A write of a record.</summary>
internal sealed class ScheduleWriting(ScheduleWriteSent sent) : ScheduleCall<ScheduleWriteSent>(sent)
{
    public bool IsMade => Outcome is "Written" or "Kept";
}

/// <summary>A step from one occurrence to the next, or the beginning of one that waited or had begun before.</summary>
internal sealed class ScheduleDecision(OccurrenceDecided sent) : ScheduleCall<OccurrenceDecided>(sent)
{
    /// <summary>Whether it decides of the expected occurrence.</summary>
    public bool IsPlan => Sent.DecidedUntil > 0;

    public bool IsMade => Outcome is "Run" or "Ended" or "Waiting";

    /// <summary>What a repetition has in common with the first.</summary>
    public object Content => (Sent.Occurrence, Sent.Runs, Sent.EndsAs, Sent.Missed, Sent.ScheduledFor, Sent.DecidedUntil, Sent.Next);
}
