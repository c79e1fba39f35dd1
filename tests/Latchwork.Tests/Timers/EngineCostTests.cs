using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

/// <summary>
/// What an event costs the engine, on the store in memory: bytes that are allocated. Bounds are about one and a half times what was measured
/// when they were set (in Release).
/// </summary>
[Collection("Alone")]
public sealed class EngineCostTests
{
    private const int Many = 5_000;
    private static readonly byte[] _payload = new byte[200];
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task A_post_allocates_little()
    {
        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store);
        await timer.PostAsync(_payload, _hour);
        double bound = 2_150 * Costs.Build;
        double allocated = await Costs.LeastAsync(
            () => Costs.AllocatedAsync(Many, async () =>
            {
                for (int i = 0; i < Many; i++) await timer.PostAsync(_payload, _hour);
            }), bound);
        allocated.ShouldBeLessThanOrEqualTo(bound);
    }

    [Fact]
    public async Task A_claim_with_its_confirmation_allocates_little()
    {
        double bound = 2_150 * Costs.Build;
        double allocated = await Costs.LeastAsync(async () =>
        {
            await using var store = new InMemoryStore();
            await using var timer = new DistributedTimer(store);
            await timer.PostAsync([.. Enumerable.Repeat(new TimerPost(_payload, TimeSpan.Zero), Many)]);
            var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            int handled = 0;
            return await Costs.AllocatedAsync(Many, async () =>
            {
                await timer.JoinAsync((_, _) =>
                {
                    if (Interlocked.Increment(ref handled) == Many) last.TrySetResult();
                    return Task.CompletedTask;
                });
                await last.Task;
            });
        }, bound);
        allocated.ShouldBeLessThanOrEqualTo(bound);
    }
}
