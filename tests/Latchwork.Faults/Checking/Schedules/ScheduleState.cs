using Latchwork.Faults.History;
using Latchwork.StoreConformance.Timers;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>A schedule after one of the steps that made it what it is.</summary>
/// <param name="Before">Before that step; null: there was none.</param>
/// <param name="Step">The step.</param>
/// <param name="Version">The version of the record.</param>
/// <param name="Expected">The time that it expects, in ms; null: none.</param>
/// <param name="IsPaused">Whether it is paused.</param>
/// <param name="Declaration">How it is declared.</param>
/// <param name="DecidedUntil">The time up to which the chain is decided, in ms.</param>
/// <param name="Posted">The content with which the expected occurrence was posted; null: nobody knows.</param>
internal sealed record ScheduleState(
    ScheduleState? Before, ScheduleCall Step, long Version, long? Expected, bool IsPaused, ModelDeclaration Declaration, long DecidedUntil, int? Posted)
{
    /// <summary>The first state.</summary>
    public static ScheduleState Created(ScheduleWriting writing) =>
        new(null, writing, 1, writing.Sent.Next, writing.Sent.IsPaused, DeclarationOf(writing.Sent), 0, writing.IsOpen ? null : writing.Sent.Content);

    public static ModelDeclaration DeclarationOf(ScheduleWriteSent sent) => new(sent.Seconds, 0, sent.Misfire, sent.Overlap, 2, 0, (char)sent.Content);

    /// <summary>After a write. One that met its expected occurrence in flight kept it.</summary>
    public ScheduleState After(ScheduleWriting writing, bool isKept) => this with
    {
        Before = this,
        Step = writing,
        Version = Version + 1,
        Expected = isKept ? Expected : writing.Sent.Next,
        IsPaused = writing.Sent.IsPaused,
        Declaration = DeclarationOf(writing.Sent),
        Posted = writing.IsOpen ? null : isKept ? Posted : writing.Sent.Content,
    };

    /// <summary>After a step to the next occurrence; null if it decided of another than the expected one.</summary>
    public ScheduleState? After(ScheduleDecision decision)
    {
        if (!decision.IsPlan) return this with { Before = this, Step = decision, Version = Version + 1 };
        if (TimeOf(decision.Sent.Occurrence) != Expected) return null;
        return this with
        {
            Before = this,
            Step = decision,
            Version = Version + 1,
            Expected = decision.Sent.Next,
            DecidedUntil = decision.Sent.DecidedUntil,
            Posted = Declaration.Content,
        };
    }

    /// <summary>The states up to this one, the first at the beginning.</summary>
    public ScheduleState[] Path()
    {
        var states = new List<ScheduleState>();
        for (ScheduleState? state = this; state is not null; state = state.Before) states.Add(state);
        states.Reverse();
        return [.. states];
    }

    /// <summary>The time in the id of an occurrence, in ms; null: it was triggered.</summary>
    public static long? TimeOf(string occurrence) => ScheduleDeclaration.TimeOf(occurrence)?.ToUnixTimeMilliseconds();
}
