using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>What is to happen to an event of the demo.</summary>
internal enum DemoKind
{
    /// <summary>It is handled when it is due.</summary>
    Plain,

    /// <summary>It is due at the same moment as many others, and its handler waits until one of those who hold them was killed.</summary>
    Burst,

    /// <summary>Its first attempt throws, the second succeeds.</summary>
    FailsOnce,

    /// <summary>Every attempt throws, until no retry is left.</summary>
    AlwaysFails,

    /// <summary>Its handler gives it up at once.</summary>
    Rejected,

    /// <summary>It is cancelled before it is due.</summary>
    Cancelled,

    /// <summary>It is given another due time before it is due.</summary>
    Rescheduled,
}

/// <summary>One attempt to handle an event, as its listener told it.</summary>
internal sealed class DemoAttempt
{
    public required string Listener { get; init; }

    public required EventBegun Begun { get; init; }

    /// <summary>Whether a confirm was sent.</summary>
    public bool IsConfirming { get; set; }

    /// <summary>How it ended; null if its listener died before it told.</summary>
    public AttemptEnd? End { get; set; }

    /// <summary>The last moment at which its listener saw that the event was its own.</summary>
    public long HeldAt { get; set; }

    /// <summary>Whether a confirm was sent whose answer nobody heard: it may have been done.</summary>
    public bool IsUnknown => IsConfirming && (End is null or AttemptEnd.Abandoned);
}

/// <summary>The demo's own record of one event. It never asks the store; the two are compared at the end.</summary>
internal sealed class DemoEvent
{
    public required string Id { get; init; }

    public required DemoKind Kind { get; init; }

    public required byte[] Payload { get; init; }

    public required TimeSpan Delay { get; init; }

    public int MaxRetries { get; init; }

    /// <summary>From when, in timestamps, <see cref="MinDelay"/> counts: a moment before the post or the change of the delay was sent.</summary>
    public long DelayFrom { get; set; }

    /// <summary>The delay that was asked for last.</summary>
    public TimeSpan MinDelay { get; set; }

    /// <summary>When, in timestamps, its cancellation was answered with done; null if it was not.</summary>
    public long? CancelledAt { get; set; }

    /// <summary>Whether its due time was changed.</summary>
    public bool WasRescheduled { get; set; }

    /// <summary>In the order in which they were told.</summary>
    public List<DemoAttempt> Attempts { get; } = [];

    /// <summary>Confirms that the store accepted.</summary>
    public int Confirms => Attempts.Count(a => a.End == AttemptEnd.Confirmed);

    /// <summary>Whether it came more than once, or was to come again.</summary>
    public bool WasRetried => Attempts.Exists(a => a.Begun.Retries > 0);
}
