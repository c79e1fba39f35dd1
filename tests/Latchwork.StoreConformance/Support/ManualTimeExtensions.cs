using Latchwork.Testing;

namespace Latchwork.StoreConformance.Support;

/// <summary>Moves a clock that stands still as far as what is tested needs.</summary>
public static class ManualTimeExtensions
{
    /// <summary>
    /// Moves both clocks forward step by step until a condition holds. How many steps that takes depends on the machine: only for waits in
    /// which the time that passes decides nothing else.
    /// </summary>
    /// <param name="clock">The clock.</param>
    /// <param name="condition">The condition.</param>
    /// <param name="step">How far to move at a time.</param>
    /// <param name="what">What is waited for, for the message.</param>
    public static Task AdvanceUntilAsync(this ManualTimeProvider clock, Func<bool> condition, TimeSpan step, string what) =>
        clock.AdvanceUntilAsync(() => Task.FromResult(condition()), step, what);

    /// <inheritdoc cref="AdvanceUntilAsync(ManualTimeProvider, Func{bool}, TimeSpan, string)"/>
    public static Task AdvanceUntilAsync(this ManualTimeProvider clock, Func<Task<bool>> condition, TimeSpan step, string what) => Eventually.ReadsAsync(
        async () =>
        {
            if (await condition()) return true;
            clock.Advance(step);
            return false;
        },
        static holds => holds,
        what);

    /// <summary>Waits until a timer is set that fires within a time, and moves both clocks to where it does.</summary>
    /// <param name="clock">The clock.</param>
    /// <param name="within">The longest that it may take.</param>
    /// <param name="what">What is waited for, for the message.</param>
    public static async Task AdvanceToNextAsync(this ManualTimeProvider clock, TimeSpan within, string what)
    {
        TimeSpan? next = await Eventually.ReadsAsync(() => Task.FromResult(clock.NextDueIn), due => due <= within, what);
        clock.Advance(next!.Value);
    }
}
