namespace Latchwork.Cli.Demo.Locker;

/// <summary>The demo's own books of the second act: every key, and how many calls were made. Safe for use by many threads.</summary>
internal sealed class LockerBooks
{
    private readonly TaskCompletionSource _allAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _asked;
    private int _answered;

    public IReadOnlyList<KeyRecord> Keys { get; } = [.. LockerPlan.Keys.Select(k => new KeyRecord { Key = k.Key, Fate = k.Fate })];

    /// <summary>Completes when all calls of the first round have been made.</summary>
    public Task AllAsked => _allAsked.Task;

    public int Asked => Volatile.Read(ref _asked);

    public int Answered => Volatile.Read(ref _answered);

    public KeyRecord Of(KeyFate fate) => Keys.First(k => k.Fate == fate);

    /// <summary>Records that a call was made.</summary>
    public void Ask()
    {
        if (Interlocked.Increment(ref _asked) == LockerPlan.Calls) _allAsked.TrySetResult();
    }

    /// <summary>Records what a call got.</summary>
    public void Answer(KeyRecord key, KeyAnswer answer)
    {
        key.Answer(answer);
        Interlocked.Increment(ref _answered);
    }
}
