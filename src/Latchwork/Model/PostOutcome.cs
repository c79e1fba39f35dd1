namespace Latchwork;

/// <summary>What a post did.</summary>
public enum PostOutcome
{
    /// <summary>The id was unknown: the event is scheduled.</summary>
    Created = 0,

    /// <summary>The event is scheduled in place of the one that had its id.</summary>
    Replaced = 1,

    /// <summary>The id is scheduled or in flight and was left as it is (<see cref="IfExists.Keep"/>).</summary>
    Kept = 2,

    /// <summary>The id is scheduled or in flight, and the post was refused (<see cref="IfExists.Fail"/>).</summary>
    Exists = 3,
}
