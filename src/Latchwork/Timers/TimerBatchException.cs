namespace Latchwork;

/// <summary>A batch of posts of which some failed.</summary>
public sealed class TimerBatchException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="results">What is known of each event; null where its piece failed.</param>
    /// <param name="innerException">The first failure.</param>
    public TimerBatchException(string message, IReadOnlyList<PostResult?> results, Exception innerException)
        : base(message, innerException)
    {
        Results = results;
    }

    /// <summary>What is known of each event, in order; null for those whose piece failed or was not sent (see the inner exception).</summary>
    public IReadOnlyList<PostResult?> Results { get; }

    /// <summary>
    /// What is known of each event without a result, in order; null for those that have one. Those that were not sent, and those that the store
    /// refused, are <see cref="StoreOutcome.NotApplied"/>: they can be posted again.
    /// </summary>
    public IReadOnlyList<StoreOutcome?> Outcomes { get; init; } = [];
}
