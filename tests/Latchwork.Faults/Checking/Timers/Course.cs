namespace Latchwork.Faults.Checking.Timers;

/// <summary>One course that things may have taken: the state it leads to, and which of the operations under way have taken effect in it.</summary>
/// <param name="State">The state now.</param>
/// <param name="Used">A bit for each operation under way that has taken effect.</param>
/// <param name="Fates">What became of the events so far.</param>
/// <param name="Lost">The acknowledged writes that were lost on this course, the last one first.</param>
/// <param name="LostCount">How many.</param>
internal sealed record Course(EventState State, UInt128 Used, Fates Fates, LostWrite? Lost, int LostCount);

/// <summary>An acknowledged write that was lost.</summary>
internal sealed record LostWrite(Step Step, LostWrite? Before);

/// <summary>The courses that are possible at a moment, without those that another one makes superfluous.</summary>
internal sealed class CourseSet
{
    private readonly Dictionary<EventState, List<Course>> _byState = [];

    public int Count { get; private set; }

    public IEnumerable<Course> All => _byState.Values.SelectMany(courses => courses);

    /// <summary>Adds a course.</summary>
    /// <param name="course">The course.</param>
    /// <param name="optional">The bits of operations without an answer: having them left to happen, or not to happen, is the greater freedom.</param>
    /// <returns>False if there is one already that can do all that this one can.</returns>
    public bool Add(Course course, UInt128 optional)
    {
        if (!_byState.TryGetValue(course.State, out List<Course>? same)) _byState[course.State] = same = [];
        foreach (Course other in same)
        {
            if (Covers(other, course, optional)) return false;
        }

        Count += 1 - same.RemoveAll(other => Covers(course, other, optional));
        same.Add(course);
        return true;
    }

    private static bool Covers(Course a, Course b, UInt128 optional) =>
        a.LostCount <= b.LostCount && (a.Used & ~b.Used) == 0 && (b.Used & ~a.Used & ~optional) == 0;
}
