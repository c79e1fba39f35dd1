using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Timers;

/// <summary>What each operation does to a state, and answers: the state machine of docs/timers.md.</summary>
internal static class Transition
{
    /// <summary>Applies an operation, provided that its answer is the one that was seen.</summary>
    /// <param name="step">The operation.</param>
    /// <param name="state">The state before.</param>
    /// <param name="at">The latest moment at which it can have taken effect.</param>
    /// <param name="run">What concerns all ids.</param>
    /// <param name="next">The state after.</param>
    /// <param name="fates">How events have ended; counted on.</param>
    public static bool TryApply(Step step, in EventState state, long at, RunFacts run, out EventState next, ref Fates fates)
    {
        next = state;
        string outcome;
        switch (step.Verb)
        {
            case Verb.Post:
                outcome = Post(step, state, ref next, ref fates);
                break;
            case Verb.Cancel or Verb.Revoke:
                outcome = Cancel(step, state, ref next, ref fates);
                break;
            case Verb.ChangeDelay:
                outcome = state.Phase switch { Phase.Gone => "NotFound", Phase.InFlight => "InFlight", Phase.DeadLettered => "DeadLettered", _ => "Done" };
                if (state.Phase == Phase.Scheduled) next = state with { DueLow = step.DueLow!.Value };
                break;
            case Verb.Requeue:
                outcome = state.Phase == Phase.DeadLettered ? "Done" : "NotFound";
                if (state.Phase == Phase.DeadLettered) next = EventState.ScheduledBy(state.Post!, step.DueLow!.Value) with { Why = Why.Requeued };
                break;
            case Verb.Purge:
                outcome = state.Phase == Phase.DeadLettered ? "Done" : "NotFound";
                if (state.Phase == Phase.DeadLettered) (next, fates) = (default, fates with { Purged = fates.Purged + 1 });
                break;
            case Verb.Damage:
                outcome = state.Phase == Phase.Gone ? "NotFound" : "Done";
                if (state.Phase != Phase.Gone) next = state with { IsDamaged = true };
                break;
            case Verb.Peek:
                return Sees(step, state);
            case Verb.Claim:
                return Claim(step, state, at, run, out next);
            default:
                outcome = EndOrExtend(step, state, run, ref next, ref fates);
                break;
        }

        return step.Outcome is null || step.Outcome == outcome;
    }

    /// <summary>A claim of anybody may take back an event whose lease has run out.</summary>
    public static bool TryTakeBack(in EventState state, long at, RunFacts run, out EventState next)
    {
        next = state;
        if (state.Phase != Phase.InFlight || at + run.Slack < state.LeaseLow) return false;
        next = state.Spend(state.LeaseLow, Why.LeaseExpired);
        return true;
    }

    /// <summary>A claim of anybody dead-letters what is due and cannot be read.</summary>
    public static bool TryDeadLetter(in EventState state, long at, RunFacts run, out EventState next)
    {
        next = state;
        if (state.Phase != Phase.Scheduled || !state.IsDamaged || at + run.Slack < state.DueLow) return false;
        next = new EventState(Phase.DeadLettered, state.Post, state.Retries, 0, null, 0) { Interruptions = state.Interruptions, IsDamaged = true };
        return true;
    }

    /// <summary>A claim without an answer may have taken the event.</summary>
    public static bool TryLose(in EventState state, long at, RunFacts run, string ns, out EventState next)
    {
        next = state;
        if (state.Phase != Phase.Scheduled || state.IsDamaged) return false;

        long? leaseLow = null;
        foreach (LostClaim claim in run.LostClaims(ns))
        {
            if (claim.From > at) break;
            long from = Math.Max(claim.From, state.DueLow - run.Slack);
            if (from > at || from > claim.To) continue;
            leaseLow = Math.Min(leaseLow ?? long.MaxValue, from + claim.Lease);
        }

        if (leaseLow is null) return false;
        next = state with { Phase = Phase.InFlight, Token = EventState.LostAnswer, LeaseLow = leaseLow.Value };
        return true;
    }

    private static string Post(Step step, in EventState state, ref EventState next, ref Fates fates)
    {
        bool isAlive = state.Phase is Phase.Scheduled or Phase.InFlight;
        if (isAlive && step.IfExists == IfExists.Keep) return "Kept";
        if (isAlive && step.IfExists == IfExists.Fail) return "Exists";

        bool replaces = state.Phase != Phase.Gone;
        next = EventState.ScheduledBy(step, step.DueLow!.Value);
        fates = fates with { Posted = fates.Posted + 1, Replaced = fates.Replaced + (replaces ? 1 : 0) };
        return replaces ? "Replaced" : "Created";
    }

    private static string Cancel(Step step, in EventState state, ref EventState next, ref Fates fates)
    {
        if (state.Phase == Phase.Gone) return "NotFound";
        if (state.Phase == Phase.InFlight && step.Verb == Verb.Cancel) return "InFlight";
        fates = state.Phase == Phase.DeadLettered ? fates with { Purged = fates.Purged + 1 } : fates with { Cancelled = fates.Cancelled + 1 };
        next = default;
        return "Done";
    }

    private static bool Sees(Step step, in EventState state)
    {
        if (step.Outcome is null) return true;
        if (state.Phase == Phase.Gone) return step.Outcome == "Absent";
        return step.Outcome == state.Phase.ToString() && (state.IsDamaged || step.Version == state.Post!.Version && step.Retries == state.Retries);
    }

    private static bool Claim(Step step, in EventState state, long at, RunFacts run, out EventState next)
    {
        next = state;
        if (state.Phase is Phase.Gone or Phase.DeadLettered || state.IsDamaged || state.Post!.Version != step.Version || state.Retries != step.Retries) return false;
        if (state.Phase == Phase.Scheduled)
        {
            if (Math.Min(at, step.To) + run.Slack < state.DueLow) return false;
            next = state with { Phase = Phase.InFlight, Token = step.Token, LeaseLow = step.From + step.Lease };
            return true;
        }

        // The same claim again, because its answer was lost: the same events, their leases renewed.
        if (!IsSame(state.Token!, step.Token!, run)) return false;
        next = state with { Token = step.Token, LeaseLow = Math.Max(state.LeaseLow, step.From + step.Lease) };
        return true;
    }

    private static string EndOrExtend(Step step, in EventState state, RunFacts run, ref EventState next, ref Fates fates)
    {
        if (state.Phase == Phase.Gone) return "NotFound";
        if (state.Phase != Phase.InFlight || !IsSame(state.Token!, step.Token!, run)) return "Stale";
        switch (step.Verb)
        {
            case Verb.Confirm:
                (next, fates) = (default, fates with { Confirmed = fates.Confirmed + 1 });
                return "Done";
            case Verb.Extend when step.Outcome == "InFlight" && run.RowsAreLocked:
                return "InFlight"; // An open transaction held the row: nothing was changed, and the delivery is its holder's as far as anybody knows.
            case Verb.Extend:
                next = state with { LeaseLow = Math.Max(state.LeaseLow, step.From + step.Lease) };
                return "Done";
            case Verb.Release:
                next = HandedBack(state);
                return "Done";
            case Verb.Interrupt when state.Interruptions < Limits.FreeInterruptions:
                next = HandedBack(state) with { Interruptions = state.Interruptions + 1 };
                return "Done";
            case Verb.Interrupt:
                next = (state with { Interruptions = state.Interruptions + 1 }).Spend(step.DueLow, Why.Failed);
                return next.Phase == Phase.DeadLettered ? "DeadLettered" : "Done";
            case Verb.Fail:
                next = state.Spend(step.DueLow, Why.Failed);
                return next.Phase == Phase.DeadLettered ? "DeadLettered" : "Done";
            default:
                throw new InvalidDataException($"'{step.Verb}' is no operation on an event.");
        }
    }

    private static EventState HandedBack(in EventState state) =>
        state with { Phase = Phase.Scheduled, Token = null, LeaseLow = 0, Why = Why.HandedBack, AnswerWasLost = false };

    private static bool IsSame(string held, string given, RunFacts run) =>
        held == given || (held == EventState.LostAnswer && run.IsLostToken(given));
}
