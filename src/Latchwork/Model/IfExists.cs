namespace Latchwork;

/// <summary>What to do with a post whose id is already scheduled or in flight. A dead letter never stands in the way: it is replaced.</summary>
public enum IfExists
{
    /// <summary>The new event takes the place of the old one. A delivery under way is superseded: its token fires, its confirm answers <see cref="TimerOutcome.Stale"/>.</summary>
    Replace = 0,

    /// <summary>Nothing changes; the post answers <see cref="PostOutcome.Exists"/>.</summary>
    Fail = 1,

    /// <summary>Nothing changes; the post answers <see cref="PostOutcome.Kept"/>.</summary>
    Keep = 2,
}
