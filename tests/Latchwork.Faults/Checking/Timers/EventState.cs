using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Timers;

/// <summary>Where an event stands in the store.</summary>
internal enum Phase
{
    Gone,
    Scheduled,
    InFlight,
    DeadLettered,
}

/// <summary>Why a scheduled event is scheduled: the explanation of its next delivery.</summary>
internal enum Why
{
    Posted,
    Failed,
    LeaseExpired,
    HandedBack,
    Requeued,
}

/// <summary>One possible state of one id in the store. Times are the earliest that the store can have meant, in monotonic µs.</summary>
/// <param name="Phase">Where it stands.</param>
/// <param name="Post">The post to which it belongs; null if it is gone.</param>
/// <param name="Retries">The retries spent.</param>
/// <param name="DueLow">Not due before this. In flight: what it was when it was claimed.</param>
/// <param name="Token">In flight: the delivery's; <see cref="LostAnswer"/> if some claim without an answer took it.</param>
/// <param name="LeaseLow">In flight: the lease does not end before this.</param>
internal readonly record struct EventState(Phase Phase, Step? Post, int Retries, long DueLow, string? Token, long LeaseLow)
{
    /// <summary>The token of a delivery that nobody heard of.</summary>
    public const string LostAnswer = "(a claim without an answer)";

    /// <summary>How often a handler was interrupted.</summary>
    public int Interruptions { get; init; }

    /// <summary>Whether what is stored of it was deleted or spoiled: it is never delivered again.</summary>
    public bool IsDamaged { get; init; }

    /// <summary>Not part of what makes two states equal.</summary>
    public Why Why { get; init; }

    /// <summary>Whether it was in flight to somebody who never heard of it, on the way to here. Not part of equality.</summary>
    public bool AnswerWasLost { get; init; }

    public int MaxRetries => Post?.MaxRetries ?? 0;

    public static EventState ScheduledBy(Step post, long due) => new(Phase.Scheduled, post, 0, due, null, 0);

    public bool Equals(EventState other) =>
        Phase == other.Phase && ReferenceEquals(Post, other.Post) && Retries == other.Retries && DueLow == other.DueLow && Token == other.Token
        && LeaseLow == other.LeaseLow && Interruptions == other.Interruptions && IsDamaged == other.IsDamaged;

    public override int GetHashCode() => HashCode.Combine(Phase, Post?.Index, Retries, DueLow, Token, LeaseLow, Interruptions, IsDamaged);

    /// <summary>One retry is spent at the end of an attempt.</summary>
    /// <param name="due">When it is due again; null: never.</param>
    /// <param name="why">The reason.</param>
    public EventState Spend(long? due, Why why) => due is { } at && Retries < MaxRetries
        ? new EventState(Phase.Scheduled, Post, Retries + 1, at, null, 0) { Interruptions = Interruptions, IsDamaged = IsDamaged, Why = why, AnswerWasLost = Token == LostAnswer }
        : new EventState(Phase.DeadLettered, Post, Retries, 0, null, 0) { Interruptions = Interruptions, IsDamaged = IsDamaged };

    public override string ToString() => Phase switch
    {
        Phase.Gone => "gone",
        Phase.Scheduled => $"scheduled ({Post!.Version}, retries {Retries})",
        Phase.InFlight => $"in flight ({Post!.Version}, retries {Retries}, token {Token})",
        _ => $"dead ({Post!.Version}, retries {Retries})",
    };
}

/// <summary>How events ended, along one possible course of things.</summary>
internal readonly record struct Fates(int Posted, int Confirmed, int Cancelled, int Purged, int Replaced);

/// <summary>One operation on one id, as the search needs it.</summary>
internal sealed class Step
{
    public required int Index { get; init; }

    public required Verb Verb { get; init; }

    public required string Process { get; init; }

    public required long Op { get; init; }

    /// <summary>When it was sent: it has taken effect later.</summary>
    public required long From { get; init; }

    /// <summary>When its answer was there: it has taken effect before. Meaningless if it has none.</summary>
    public required long To { get; init; }

    /// <summary>The answer; null if none was seen: it may take effect, at any time from its start on, or never.</summary>
    public string? Outcome { get; init; }

    public string? Version { get; init; }

    /// <summary>The earliest time at which what it schedules can be due; null: never.</summary>
    public long? DueLow { get; init; }

    public IfExists IfExists { get; init; }

    public int MaxRetries { get; init; }

    public int Retries { get; init; }

    public string? Token { get; init; }

    public long Lease { get; init; }

    /// <summary>The element of the same batch that takes effect before it.</summary>
    public Step? After { get; set; }

    public bool IsKnown => Outcome is not null;

    public override string ToString() => Outcome is null ? $"{Verb} without an answer" : $"{Verb} answered '{Outcome}'";
}
