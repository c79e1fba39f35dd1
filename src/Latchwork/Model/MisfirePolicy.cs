namespace Latchwork;

/// <summary>What becomes of occurrences that are missed: claimed later than <see cref="ScheduleOptions.MisfireThreshold"/>, or when the following time has passed, too.</summary>
public enum MisfirePolicy
{
    /// <summary>It runs once, for the newest time that was missed. The default.</summary>
    Latest = 0,

    /// <summary>It does not run.</summary>
    Skip = 1,

    /// <summary>Each missed time runs, within <see cref="ScheduleOptions.CatchUpWindow"/> and <see cref="ScheduleOptions.CatchUpLimit"/>.</summary>
    All = 2,
}
