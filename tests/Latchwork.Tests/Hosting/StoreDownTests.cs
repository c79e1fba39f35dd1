using Latchwork.Storage;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

/// <summary>What a long outage costs. Alone, as it looks at the memory of the process.</summary>
[Collection("Alone")]
public sealed class StoreDownTests
{
    [Fact]
    public async Task Operations_that_gave_up_waiting_leave_nothing_behind_however_long_the_store_is_away()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork(options => options.StoreUnavailableTimeout = TimeSpan.Zero).UseStore("Away", (_, _) => new AwaySource());
        ITimerStore timers = app.Get<LatchworkStore>().Timers;

        await GiveUpAsync(timers, 1_000);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        await GiveUpAsync(timers, 30_000);
        long after = GC.GetTotalMemory(forceFullCollection: true);

        (after - before).ShouldBeLessThan(1_000_000);
    }

    private static async Task GiveUpAsync(ITimerStore timers, int times)
    {
        for (int i = 0; i < times; i++) await Should.ThrowAsync<LatchworkStoreException>(() => timers.NamespacesAsync(default));
    }

    private sealed class AwaySource : LatchworkStoreSource
    {
        public override string Description => "away://";

        public override IReadOnlyList<string> Failures => [];

        public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new InvalidOperationException("It never opens.");
        }
    }
}
