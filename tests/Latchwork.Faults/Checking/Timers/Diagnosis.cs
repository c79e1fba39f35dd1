using System.Globalization;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Timers;

/// <summary>Names the promise that is broken by an answer which no course allows.</summary>
internal sealed class Diagnosis(IdHistory history, IReadOnlyList<Step> steps, RunFacts run, long begin)
{
    /// <summary>Judges an answer.</summary>
    /// <param name="step">The operation that was answered.</param>
    /// <param name="before">All courses until right before.</param>
    public (string Rule, string Sentence) Of(Step step, IReadOnlyList<Course> before)
    {
        Course likely = before.OrderBy(course => course.LostCount).ThenBy(course => UInt128.PopCount(course.Used)).First();
        if (step.Verb == Verb.Claim) return OfClaim(step, before);
        if (step.Verb == Verb.Peek) return OfPeek(step, before);

        string rule = step.Verb is Verb.Confirm or Verb.Extend or Verb.Release or Verb.Fail or Verb.Interrupt && step.Outcome is "Done" or "DeadLettered" ? Rules.Overlap : Rules.Answer;
        if (likely.State.Phase != Phase.Gone && step.Outcome is "NotFound" or "Created") rule = Rules.Lost;
        return (rule, $"{step.Verb} of '{history.Id}' was answered '{step.Outcome}' at {Time(step.To)}, but the event can only have been {Possible(before)}.");
    }

    private (string Rule, string Sentence) OfClaim(Step claim, IReadOnlyList<Course> before)
    {
        Step? post = steps.FirstOrDefault(step => step.Verb == Verb.Post && step.Version == claim.Version);
        string what = $"'{history.Id}' ({claim.Version}, retries {claim.Retries}) was delivered with token {claim.Token} at {Time(claim.To)}";
        if (post is null)
        {
            if (history.Operations.Any(o => o.Verb == Verb.Damage && o.Outcome == "Done")) return (Rules.Damaged, $"{what}, after what is stored of the event had been damaged.");
            Operation? refused = history.Operations.FirstOrDefault(o => o.Verb == Verb.Post && o.Start.Version == claim.Version);
            return refused is null
                ? (Rules.Invented, $"{what}, but nobody posted it.")
                : (Rules.Refused, $"{what}, but its post failed with 'not applied'.");
        }

        Course[] same = [.. before.Where(course => course.State.Post == post)];
        return Damaged(same) ?? Early(same) ?? Overlap(same) ?? DeadDelivered(same) ?? WrongRetries(same) ?? OtherPost() ?? Gone();

        (string, string)? Damaged(Course[] courses) =>
            courses.Length > 0 && courses.All(c => c.State.IsDamaged) ? (Rules.Damaged, $"{what}, after what is stored of the event had been damaged.") : null;

        (string, string)? Early(Course[] courses) =>
            courses.Where(c => c.State.Phase == Phase.Scheduled && c.State.Retries == claim.Retries).MinBy(c => c.State.DueLow) is { } course
                ? (Rules.Early, $"{what}, {Span(course.State.DueLow - claim.To)} before it can be due ({Time(course.State.DueLow)}).")
                : null;

        (string, string)? Overlap(Course[] courses) =>
            courses.Where(c => c.State.Phase == Phase.InFlight && claim.To + run.Slack < c.State.LeaseLow)
                .MinBy(c => (c.State.Token == EventState.LostAnswer, c.State.LeaseLow)) is { } course
                ? (Rules.Overlap, $"{what}, but the delivery with token {course.State.Token} is held until {Time(course.State.LeaseLow)} at least, {Span(course.State.LeaseLow - claim.To)} later.")
                : null;

        (string, string)? DeadDelivered(Course[] courses) =>
            courses.Length > 0 && courses.All(c => c.State.Phase == Phase.DeadLettered)
                ? (Rules.DeadDelivered, $"{what}, but it was dead and nobody requeued it.")
                : null;

        (string, string)? WrongRetries(Course[] courses) =>
            courses.Length > 0 ? (Rules.Retries, $"{what}, but it can only have been {Possible(courses)}.") : null;

        (string, string)? OtherPost() =>
            before.Any(c => c.State.Phase != Phase.Gone)
                ? (Rules.Replaced, $"{what}, but the id belongs to another post: it can only have been {Possible(before)}.")
                : null;

        (string, string) Gone() => (Rules.Again, $"{what}, but it was gone: {Ended(post, claim.To)}.");
    }

    private (string Rule, string Sentence) OfPeek(Step peek, IReadOnlyList<Course> before)
    {
        if (peek.Outcome == "Absent") return (Rules.Lost, $"'{history.Id}' is not in the store at {Time(peek.To)}, but it can only be {Possible(before)}.");

        Step? post = steps.FirstOrDefault(step => step.Verb == Verb.Post && step.Version == peek.Version);
        string what = $"'{history.Id}' is {peek.Outcome} ({peek.Version}, retries {peek.Retries}) at {Time(peek.To)}";
        if (post is null) return (Rules.Invented, $"{what}, but no post of it can have been applied.");

        Phase phase = Enum.Parse<Phase>(peek.Outcome!);
        Course[] same = [.. before.Where(course => course.State.Post == post)];
        if (same.Any(course => course.State.Phase == phase)) return (Rules.Retries, $"{what}, but it can only be {Possible(same)}.");
        if (same.Length > 0) return (Rules.Answer, $"{what}, but it can only be {Possible(same)}.");
        return before.Any(course => course.State.Phase != Phase.Gone)
            ? (Rules.Replaced, $"{what}, but it can only be {Possible(before)}.")
            : (Rules.Again, $"{what}, but it was gone: {Ended(post, peek.To)}.");
    }

    private string Ended(Step post, long before)
    {
        Step? end = steps.LastOrDefault(step => step.From >= post.From && step.From < before && step.Outcome == "Done" && step.Verb is Verb.Confirm or Verb.Cancel or Verb.Revoke or Verb.Purge);
        return end is null ? "its post was answered with something else" : $"{end} at {Time(end.To)}";
    }

    private static string Possible(IEnumerable<Course> courses)
    {
        string[] states = [.. courses.Select(course => course.State.ToString()).Distinct().Take(5)];
        return string.Join(", or ", states);
    }

    private string Time(long at) => ((at - begin) / 1e6).ToString("F6", CultureInfo.InvariantCulture) + " s";

    private static string Span(long span) => (span / 1e3).ToString("F3", CultureInfo.InvariantCulture) + " ms";
}
