namespace Latchwork.Cli.Demo.Locker;

/// <summary>The calls for keys that had a result already.</summary>
/// <param name="Asked">How many were made.</param>
/// <param name="Answered">How many were answered.</param>
/// <param name="Runs">How many made the work run again.</param>
/// <param name="From">When they began, in timestamps.</param>
/// <param name="Took">How long all of them took.</param>
internal sealed record LaterCalls(int Asked, int Answered, int Runs, long From, TimeSpan Took);

/// <summary>What became of one key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Fate">What was to happen to it.</param>
/// <param name="Owners">The nodes that ran its work, in order.</param>
/// <param name="Answered">Calls that waited for it and got its outcome.</param>
/// <param name="CutOff">Calls that died with their node.</param>
internal sealed record KeyResult(string Key, KeyFate Fate, IReadOnlyList<string> Owners, int Answered, int CutOff);

/// <summary>What came out of the second act.</summary>
internal sealed record LockerActResult
{
    public required IReadOnlyList<KeyResult> Keys { get; init; }

    /// <summary>The node that was killed.</summary>
    public required string Victim { get; init; }

    /// <summary>How long after the kill another began; null if none did.</summary>
    public required TimeSpan? Takeover { get; init; }

    public required LaterCalls Later { get; init; }

    public required IReadOnlyList<DemoClaim> Claims { get; init; }
}
