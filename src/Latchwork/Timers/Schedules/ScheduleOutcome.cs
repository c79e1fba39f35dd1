namespace Latchwork;

/// <summary>What became of a declaration.</summary>
public enum ScheduleOutcome
{
    /// <summary>There was no such schedule.</summary>
    Created = 0,

    /// <summary>It was declared differently; from the next occurrence on it is as declared now.</summary>
    Updated = 1,

    /// <summary>It was declared so already; nothing was changed.</summary>
    Unchanged = 2,

    /// <summary>The stored declaration has a higher revision; nothing was changed.</summary>
    Outdated = 3,
}
