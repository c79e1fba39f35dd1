using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>
/// For each schedule the occurrences that ran, were skipped or were replaced must be exactly those that its times, its policies and what people did to it demand, from the
/// first time to the one that it expects at the end; and what was to run was handled, or is still there.
/// </summary>
internal static class ScheduleChecker
{
    // The offset of the clock is measured by a process that may be held up between its two readings.
    private const long ClockSlack = 20_000;

    /// <summary>Checks the schedules of a run.</summary>
    /// <param name="folder">Its history.</param>
    /// <returns>What does not fit.</returns>
    public static IReadOnlyList<string> Check(string folder) => Check(new HistoryReader(folder).Read());

    /// <inheritdoc cref="Check(string)"/>
    public static IReadOnlyList<string> Check(IEnumerable<HistoryLine> lines)
    {
        Reading reading = Read(lines);
        if (reading.MayLose) return [];
        return [.. reading.Courses.Values.SelectMany(course => course.Check(reading.UnixOffset + ClockSlack)), .. reading.Pauses.Check()];
    }

    /// <summary>The occurrences that were to run, and that no handler has seen.</summary>
    public static IReadOnlyList<string> NotHandled(string folder) => [.. Read(new HistoryReader(folder).Read()).Courses.Values.SelectMany(course => course.NotHandled())];

    private static Reading Read(IEnumerable<HistoryLine> lines)
    {
        var reading = new Reading();
        foreach (HistoryLine line in lines.OrderBy(line => line.Entry.At))
        {
            switch (line.Entry)
            {
                case FaultStarted { LossWindow: not null }:
                    reading.MayLose = true; // an answered step may be gone
                    break;
                case ClockSample sample:
                    reading.UnixOffset = Math.Max(reading.UnixOffset ?? long.MinValue, sample.UnixTime - sample.At);
                    break;
                case ScheduleWriteSent write:
                    reading.Add(line.Process, write.Call, reading.Of(write.Schedule).Writes, new ScheduleWriting(write));
                    break;
                case ScheduleRemovalSent removal:
                    reading.Add(line.Process, removal.Call, reading.Of(removal.Schedule).Removals, new ScheduleCall<ScheduleRemovalSent>(removal));
                    break;
                case OccurrenceTriggered triggered:
                    reading.Add(line.Process, triggered.Call, reading.Of(triggered.Schedule).Triggers, new ScheduleCall<OccurrenceTriggered>(triggered));
                    break;
                case OccurrenceDecided decided:
                    reading.Add(line.Process, decided.Call, reading.Of(decided.Schedule).Decisions, new ScheduleDecision(decided));
                    break;
                case OccurrenceEndSent end:
                    reading.Add(line.Process, end.Call, reading.Of(end.Schedule).Ends, new ScheduleCall<OccurrenceEndSent>(end));
                    break;
                case NamespacePauseSent pause:
                    reading.Add(line.Process, pause.Call, reading.Pauses.Calls, new ScheduleCall<NamespacePauseSent>(pause));
                    break;
                case ScheduleCallEnded ended:
                    reading.Open[(line.Process, ended.Call)].End = ended;
                    break;
                case OccurrencesClaimed claimed:
                    reading.Pauses.Claims.Add(claimed);
                    break;
                case OccurrenceHandled handled:
                    reading.Of(handled.Occurrence.Split('\u001F')[0]).Handled.Add(handled);
                    break;
                case FinalSchedule final:
                    reading.Of(final.Schedule).Final = final;
                    break;
                case FinalOccurrence left:
                    reading.Of(left.Occurrence.Split('\u001F')[0]).Left.Add(left.Occurrence);
                    break;
            }
        }

        return reading;
    }

    private sealed class Reading
    {
        public Dictionary<string, ScheduleCourse> Courses { get; } = new(StringComparer.Ordinal);

        public Dictionary<(string Process, long Call), ScheduleCall> Open { get; } = [];

        public NamespacePauses Pauses { get; } = new();

        public bool MayLose { get; set; }

        public long? UnixOffset { get; set; }

        public ScheduleCourse Of(string schedule)
        {
            if (!Courses.TryGetValue(schedule, out ScheduleCourse? course)) Courses.Add(schedule, course = new ScheduleCourse(schedule));
            return course;
        }

        public void Add<T>(string process, long call, List<T> calls, T one)
            where T : ScheduleCall
        {
            calls.Add(one);
            Open.Add((process, call), one);
        }
    }
}
