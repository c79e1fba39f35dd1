using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Latchwork.Storage;

namespace Latchwork.Faults.Work;

/// <summary>
/// A store that breaks promises on purpose, to see that a run finds it out: some posts are acknowledged and not written, some come early, some
/// confirmations and renewals are acknowledged and not made.
/// </summary>
internal sealed class LyingStore(LatchworkStore inner) : LatchworkStore
{
    public override ITimerStore Timers { get; } = Liar<ITimerStore>.Before(inner.Timers);

    public override ILockerStore Locks { get; } = Liar<ILockerStore>.Before(inner.Locks);

    public override ITimerTransactions? TimerTransactions => inner.TimerTransactions;

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>Passes calls on, except when it lies.</summary>
/// <typeparam name="T">The contract.</typeparam>
[SuppressMessage("Performance", "CA1852", Justification = "The runtime makes a class that inherits from it.")]
internal class Liar<T> : DispatchProxy
    where T : class
{
    private T _inner = null!;

    /// <summary>A liar before an honest store.</summary>
    public static T Before(T inner)
    {
        T proxy = Create<T, Liar<T>>();
        ((Liar<T>)(object)proxy)._inner = inner;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        switch (targetMethod!.Name, Random.Shared.Next(16))
        {
            case (nameof(ITimerStore.PostAsync), 0) when args![1] is IReadOnlyList<TimerEntry> entries:
                return Task.FromResult<IReadOnlyList<PostOutcome>>([.. entries.Select(_ => PostOutcome.Created)]);
            case (nameof(ITimerStore.PostAsync), 1) when args![1] is IReadOnlyList<TimerEntry> entries:
                args[1] = entries.Select(entry => entry.Due.IsAbsolute ? entry : entry with { Due = entry.Due.Value / 2 }).ToArray();
                break;
            case (nameof(ITimerStore.ConfirmAsync), < 2) when args![1] is IReadOnlyList<DeliveryKey> deliveries:
                return Task.FromResult<IReadOnlyList<TimerOutcome>>([.. deliveries.Select(_ => TimerOutcome.Done)]);
            case (nameof(ILockerStore.RenewAsync), < 8):
                return Task.FromResult(true);
        }

        return targetMethod.Invoke(_inner, args);
    }
}
