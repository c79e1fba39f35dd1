namespace Latchwork.Cli.Listening;

/// <summary>What <c>timer listen</c> is to do.</summary>
internal sealed record ListenSettings
{
    /// <summary>End after this many deliveries; null: never.</summary>
    public int? Count { get; init; }

    /// <summary>End after this time; null: never.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The handlers that the engine runs at a time.</summary>
    public required int MaxConcurrency { get; init; }

    /// <summary>The shell command to run for each delivery; null: only print.</summary>
    public string? Command { get; init; }

    /// <summary>Whether deliveries are confirmed.</summary>
    public bool Confirm { get; init; } = true;
}
