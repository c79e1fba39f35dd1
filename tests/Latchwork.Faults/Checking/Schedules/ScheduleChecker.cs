using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>
/// For each schedule the occurrences that ran, were skipped or were replaced must be exactly those that its times and policies demand, from the first time to the one
/// that it expects at the end; and what was to run was handled, or is still there.
/// </summary>
internal static class ScheduleChecker
{
    /// <summary>Checks the schedules of a run.</summary>
    /// <param name="folder">Its history.</param>
    /// <returns>What does not fit.</returns>
    public static IReadOnlyList<string> Check(string folder)
    {
        (List<ScheduleCourse> courses, bool mayLose) = Read(folder);
        return mayLose ? [] : [.. courses.SelectMany(course => course.Check())];
    }

    /// <summary>The occurrences that were to run, and that no handler has seen.</summary>
    public static IReadOnlyList<string> NotHandled(string folder) => [.. Read(folder).Courses.SelectMany(course => course.NotHandled())];

    private static (List<ScheduleCourse> Courses, bool MayLose) Read(string folder)
    {
        var courses = new Dictionary<string, ScheduleCourse>(StringComparer.Ordinal);
        var open = new Dictionary<(string Process, long Decision), Decision>();
        bool mayLose = false;
        foreach (HistoryLine line in new HistoryReader(folder).Read().OrderBy(line => line.Entry.At))
        {
            switch (line.Entry)
            {
                case FaultStarted { LossWindow: not null }:
                    mayLose = true; // an answered step may be gone
                    break;
                case ScheduleDeclared declared:
                    courses.Add(declared.Schedule, new ScheduleCourse(declared));
                    break;
                case OccurrenceDecided decided:
                    var decision = new Decision(decided);
                    open.Add((line.Process, decided.Decision), decision);
                    courses[decided.Schedule].Decisions.Add(decision);
                    break;
                case OccurrenceDecisionEnded ended:
                    open[(line.Process, ended.Decision)].End = ended;
                    break;
                case OccurrenceHandled handled:
                    courses[handled.Occurrence.Split('\u001F')[0]].Handled.Add(handled);
                    break;
                case FinalSchedule final:
                    courses[final.Schedule].Final = final;
                    break;
                case FinalOccurrence left:
                    courses[left.Occurrence.Split('\u001F')[0]].Left.Add(left.Occurrence);
                    break;
            }
        }

        return ([.. courses.Values], mayLose);
    }
}

/// <summary>A step that was sent, and its answer.</summary>
internal sealed class Decision(OccurrenceDecided sent)
{
    public OccurrenceDecided Sent { get; } = sent;

    public OccurrenceDecisionEnded? End { get; set; }

    /// <summary>Whether it decided of the expected occurrence, and took effect.</summary>
    public bool IsMade => IsPlan && End?.Outcome is "Run" or "Ended" or "Waiting";

    /// <summary>Whether nobody knows if it took effect. One that was answered with 'Gone' may be the repetition of one that did.</summary>
    public bool IsOpen => IsPlan && (End is null || End is { Outcome: null, IsRefused: false });

    private bool IsPlan => Sent.DecidedUntil > 0;
}
