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

/// <summary>The answer to an operation on one event.</summary>
public enum TimerOutcome
{
    /// <summary>It was done.</summary>
    Done = 0,

    /// <summary>There is no such event (any more).</summary>
    NotFound = 1,

    /// <summary>A node is handling the event; nothing was changed.</summary>
    InFlight = 2,

    /// <summary>The token is not that of the live delivery: the lease was lost, or the event was replaced. Nothing was changed.</summary>
    Stale = 3,

    /// <summary>The event is dead-lettered. As an answer to a failure: because of it. Otherwise nothing was changed.</summary>
    DeadLettered = 4,
}

/// <summary>Where an event stands. A confirmed event is gone.</summary>
public enum TimerState
{
    /// <summary>It waits for its time, for a retry, or for a free listener.</summary>
    Scheduled = 0,

    /// <summary>One node holds it under a lease.</summary>
    InFlight = 1,

    /// <summary>It was given up and is kept with its reason and its failures.</summary>
    DeadLettered = 2,
}

/// <summary>Why an event was dead-lettered.</summary>
public enum DeadLetterReason
{
    /// <summary>Its last attempt failed.</summary>
    RetriesExhausted = 0,

    /// <summary>Its last attempt's lease ran out: the node died, hung, or lost the store.</summary>
    LeaseExpired = 1,

    /// <summary>A handler rejected it.</summary>
    Rejected = 2,

    /// <summary>Its payload could not be read.</summary>
    DeserializationFailed = 3,

    /// <summary>What the store keeps of it could not be read: it was changed or deleted by somebody else's hand, or evicted.</summary>
    RecordDamaged = 4,
}

/// <summary>The answer to a post.</summary>
/// <param name="Id">The event's id: the given one, or the generated one.</param>
/// <param name="Outcome">What the post did.</param>
public readonly record struct PostResult(string Id, PostOutcome Outcome);
