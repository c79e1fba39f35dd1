namespace Latchwork;

/// <summary>A change of many of which a part was done when the store failed. It says which, as far as it is known.</summary>
internal sealed class PartlyDoneException : Exception
{
    private const int MaxNamed = 10;

    private PartlyDoneException(string message, LatchworkStoreException failure, long done, IReadOnlyList<string> ids, IReadOnlyList<TimerOutcome> outcomes)
        : base(message, failure)
    {
        (Failure, Done, Ids, Outcomes) = (failure, done, ids, outcomes);
    }

    /// <summary>What the store failed with.</summary>
    public LatchworkStoreException Failure { get; }

    /// <summary>How many are known to be done.</summary>
    public long Done { get; }

    /// <summary>All that were meant; none if they were meant by a filter.</summary>
    public IReadOnlyList<string> Ids { get; }

    /// <summary>What became of the first of them. The next one failed, and those after it were not tried.</summary>
    public IReadOnlyList<TimerOutcome> Outcomes { get; }

    /// <summary>Changes one after the other.</summary>
    /// <returns>What became of each.</returns>
    /// <exception cref="LatchworkStoreException">The store failed, and only one was meant.</exception>
    /// <exception cref="PartlyDoneException">The store failed.</exception>
    public static async Task<IReadOnlyList<TimerOutcome>> EachAsync(IReadOnlyList<string> ids, Func<string, Task<TimerOutcome>> change)
    {
        List<TimerOutcome> outcomes = [];
        foreach (string id in ids)
        {
            try
            {
                outcomes.Add(await change(id).ConfigureAwait(false));
            }
            catch (LatchworkStoreException e) when (ids.Count > 1)
            {
                throw Of(ids, outcomes, e);
            }
        }

        return outcomes;
    }

    /// <summary>Changes all of a filter.</summary>
    /// <param name="change">Does it, and says how many were done whenever some were.</param>
    /// <returns>How many were done.</returns>
    /// <exception cref="PartlyDoneException">The store failed.</exception>
    public static async Task<long> AllAsync(Func<Action<int>, Task<long>> change)
    {
        long done = 0;
        try
        {
            return await change(some => done += some).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e)
        {
            string others = e.Outcome == StoreOutcome.Unknown ? $"Whether up to {Limits.MaxBatch} more were done is not known. The rest was not tried." : "The others were not changed.";
            throw new PartlyDoneException($"{done} were done, then the store failed: {e.Message} {others}", e, done, [], []);
        }
    }

    private static PartlyDoneException Of(IReadOnlyList<string> ids, List<TimerOutcome> outcomes, LatchworkStoreException e)
    {
        long done = outcomes.Count(static outcome => outcome == TimerOutcome.Done);
        string failed = ids[outcomes.Count];
        string one = e.Outcome switch
        {
            StoreOutcome.Unknown => $"Whether '{failed}' was done is not known.",
            StoreOutcome.NotReplicated => $"'{failed}' was done, but a failover could undo it.",
            _ => $"'{failed}' was not changed.",
        };
        string[] rest = [.. ids.Skip(outcomes.Count + 1)];
        string named = string.Join(", ", rest.Take(MaxNamed).Select(static id => $"'{id}'"));
        string others = rest.Length == 0 ? "" : rest.Length > MaxNamed ? $" {rest.Length} were not tried: {named} and {rest.Length - MaxNamed} more." : $" {rest.Length} were not tried: {named}.";
        return new PartlyDoneException($"{done} of {ids.Count} were done, then the store failed: {e.Message} {one}{others}", e, done, ids, outcomes);
    }
}
