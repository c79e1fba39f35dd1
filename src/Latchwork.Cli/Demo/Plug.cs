namespace Latchwork.Cli.Demo;

/// <summary>A node's connection to its store, which can be pulled: from then on nothing is sent and no answer is heard.</summary>
internal sealed class Plug
{
    private volatile bool _isPulled;

    public bool IsPulled => _isPulled;

    public void Pull() => _isPulled = true;

    /// <summary>Does something at the store, as long as the plug is in.</summary>
    public async Task<T> GuardAsync<T>(Func<Task<T>> operation)
    {
        if (_isPulled) throw CutOff(StoreOutcome.NotApplied);
        T answer = await operation().ConfigureAwait(false);
        return _isPulled ? throw CutOff(StoreOutcome.Unknown) : answer;
    }

    /// <inheritdoc cref="GuardAsync{T}"/>
    public async Task GuardAsync(Func<Task> operation)
    {
        if (_isPulled) throw CutOff(StoreOutcome.NotApplied);
        await operation().ConfigureAwait(false);
        if (_isPulled) throw CutOff(StoreOutcome.Unknown);
    }

    /// <summary>What is to be called only as long as the plug is in.</summary>
    public Action Guard(Action ring) => () =>
    {
        if (!_isPulled) ring();
    };

    /// <inheritdoc cref="Guard"/>
    public Action<T> Guard<T>(Action<T> ring) => bell =>
    {
        if (!_isPulled) ring(bell);
    };

    private static LatchworkStoreException CutOff(StoreOutcome outcome) => new("this node is cut off from the store", outcome) { IsTransient = true };
}
