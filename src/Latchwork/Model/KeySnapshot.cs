namespace Latchwork;

/// <summary>A key of a locker as it stood when the store was asked.</summary>
public sealed record KeySnapshot
{
    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>Whether it has an owner (whose lease may have run out, as long as nobody has taken over).</summary>
    public required bool IsLocked { get; init; }

    /// <summary>The fencing token of the owner; of the last outcome if there is no owner.</summary>
    public required long FencingToken { get; init; }

    /// <summary>The owner's node; null if there is none.</summary>
    public string? NodeId { get; init; }

    /// <summary>How long the owner has had it; null if there is none.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>The time left on the owner's lease, zero if it has run out; null if there is no owner.</summary>
    public TimeSpan? LeaseLeft { get; init; }

    /// <summary>How long the last result (or remembered failure) will still be given to new callers; null if there is none that is fresh.</summary>
    public TimeSpan? FreshFor { get; init; }

    /// <summary>Whether that is a failure.</summary>
    public bool IsFailure { get; init; }

    /// <summary>How many callers wait for the key in this locker.</summary>
    public int Waiters { get; init; }
}
