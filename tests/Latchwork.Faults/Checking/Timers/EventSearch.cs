namespace Latchwork.Faults.Checking.Timers;

/// <summary>
/// Follows all courses that the store can have taken with one id. Whatever is under way may take effect at any moment, so nothing is
/// decided before an answer demands it: at the end of an operation, those courses go on in which it has taken effect with just that answer,
/// after any of the others under way (in any order), leases that ran out, and claims that nobody saw the answer of. All bounds on time
/// are lower bounds, so the latest moment is the one that allows most. If no course goes on, no store that keeps the promises can have
/// answered so.
/// </summary>
internal sealed class EventSearch(string ns, RunFacts run, int maxOrders)
{
    private const int Slots = 128;

    private readonly Step?[] _slots = new Step?[Slots];
    private readonly Dictionary<Step, int> _slotOf = [];
    private UInt128 _optional;
    private CourseSet _courses = Begin(new Course(default, 0, default, null, 0));

    /// <summary>Whether more is possible than can be tried.</summary>
    public bool IsUndecided { get; private set; }

    public IEnumerable<Course> Courses => _courses.All;

    /// <summary>An operation begins.</summary>
    public void Start(Step step)
    {
        int slot = Array.IndexOf(_slots, null);
        if (slot < 0)
        {
            IsUndecided = true;
            return;
        }

        _slots[slot] = step;
        _slotOf[step] = slot;
        if (!step.IsKnown) _optional |= Bit(slot);
    }

    /// <summary>An operation was answered.</summary>
    /// <returns>The states that the id could be in before, if none of them allows the answer; else null.</returns>
    public IReadOnlyList<Course>? End(Step step)
    {
        if (IsUndecided) return null;
        int slot = _slotOf[step];
        UInt128 bit = Bit(slot);
        var next = new CourseSet();
        CourseSet reached = Reach(step);
        if (IsUndecided) return null;
        foreach (Course course in reached.All)
        {
            if ((course.Used & bit) != 0)
            {
                next.Add(course with { Used = course.Used & ~bit }, _optional);
                continue;
            }

            Fates fates = course.Fates;
            if (IsFree(step, course, step.To, out UInt128 before) && Transition.TryApply(step, course.State, step.To, run, out EventState state, ref fates))
            {
                next.Add(course with { State = state, Used = course.Used | before, Fates = fates }, _optional);
            }
        }

        // Within a loss window it may have been done and lost, or done by a primary that lost everything.
        if (run.MayLose(step.From, step.To))
        {
            foreach (Course course in _courses.All)
            {
                if ((course.Used & bit) != 0) continue;
                bool isWrite = Writes(step);
                next.Add(course with { Lost = isWrite ? new LostWrite(step, course.Lost) : course.Lost, LostCount = course.LostCount + 1 }, _optional);
            }
        }

        _slots[slot] = null;
        _slotOf.Remove(step);
        if (next.Count == 0) return [.. reached.All];
        _courses = next;
        return null;
    }

    // Everything that can have happened by the end of a step, without the step itself.
    private CourseSet Reach(Step step)
    {
        var reached = new CourseSet();
        var queue = new Queue<Course>();
        foreach (Course course in _courses.All)
        {
            reached.Add(course, _optional);
            queue.Enqueue(course);
        }

        int tried = 0;
        while (queue.TryDequeue(out Course? course))
        {
            if (++tried > maxOrders)
            {
                IsUndecided = true;
                break;
            }

            foreach (Course next in Next(course, step))
            {
                if (reached.Add(next, _optional)) queue.Enqueue(next);
            }
        }

        return reached;
    }

    private IEnumerable<Course> Next(Course course, Step ending)
    {
        long at = ending.To;
        if (Transition.TryTakeBack(course.State, at, run, out EventState state)) yield return course with { State = state };
        if (Transition.TryDeadLetter(course.State, at, run, out state)) yield return course with { State = state };
        if (Transition.TryLose(course.State, at, run, ns, out state)) yield return course with { State = state };
        foreach ((Step step, int slot) in _slotOf)
        {
            if (ReferenceEquals(step, ending) || (course.Used & Bit(slot)) != 0 || !IsFree(step, course, at, out UInt128 before)) continue;
            Fates fates = course.Fates;
            if (!Transition.TryApply(step, course.State, at, run, out state, ref fates)) continue;
            if (!step.IsKnown && state.Equals(course.State)) continue;
            yield return course with { State = state, Used = course.Used | before | Bit(slot), Fates = fates };
        }
    }

    // An element of a batch takes effect after the earlier ones. One of those that has no answer may have come before it and changed nothing: a post
    // that leaves what is there. Then that one is used up with it.
    private bool IsFree(Step step, Course course, long at, out UInt128 before)
    {
        before = 0;
        if (step.After is not { } earlier || !_slotOf.TryGetValue(earlier, out int slot) || (course.Used & Bit(slot)) != 0) return true;
        if (earlier.IsKnown || !IsFree(earlier, course, at, out before)) return false;
        before |= Bit(slot);
        Fates fates = course.Fates;
        return Transition.TryApply(earlier, course.State, at, run, out EventState state, ref fates) && state.Equals(course.State);
    }

    // Answers that say that nothing was changed lose nothing.
    private static bool Writes(Step step) => step.Verb != History.Verb.Peek && step.Outcome is "Done" or "DeadLettered" or "Created" or "Replaced";

    private static UInt128 Bit(int slot) => UInt128.One << slot;

    private static CourseSet Begin(Course course)
    {
        var set = new CourseSet();
        set.Add(course, 0);
        return set;
    }
}
