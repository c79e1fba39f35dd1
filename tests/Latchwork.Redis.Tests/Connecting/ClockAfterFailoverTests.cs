using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>The new primary's clock is an hour behind the old one's.</summary>
public sealed class ClockAfterFailoverTests
{
    [Fact]
    public async Task Due_times_leases_and_fencing_tokens_stay_safe()
    {
        await using RedisServer first = await RedisServer.StartAsync(new() { Arguments = ["--repl-diskless-sync-delay", "0"] });
        await using RedisServer second = await RedisServer.StartAsync(new() { Arguments = ["--replicaof", "127.0.0.1", $"{first.Port}"] });
        await Eventually.ReadsAsync(
            () => first.CommandAsync("INFO", "replication"), static info => info.Contains("state=online", StringComparison.Ordinal), "it follows", TimeSpan.FromMinutes(1));
        await using RedisStore before = await RedisStore.ConnectAsync(first.LenientUri + "&waitReplicas=1&waitTimeout=1m", new RedisOptions { TimeProvider = new HourAhead() });
        await using var oldTimer = new DistributedTimer(before);
        await using var oldLocker = new ProcessLocker(before, new() { LeaseDuration = TimeSpan.FromMinutes(5) });
        await using WorkLease held = await oldLocker.AcquireAsync("held");
        WorkLease freed = await oldLocker.AcquireAsync("freed");
        await freed.DisposeAsync();
        await oldTimer.PostAsync("x"u8.ToArray(), TimeSpan.FromMinutes(10), new() { Id = "soon" });

        // Waiting for the post is waiting for everything before it.
        first.Kill();
        await second.CommandAsync("REPLICAOF", "NO", "ONE");
        await using RedisStore after = await RedisStore.ConnectAsync(second.LenientUri);
        await using var timer = new DistributedTimer(after);
        await using var locker = new ProcessLocker(after);

        TimerSnapshot? soon = await timer.PeekAsync("soon");
        soon!.TimeLeft.ShouldBeLessThanOrEqualTo(TimeSpan.FromMinutes(10) + TimeSpan.FromMilliseconds(100), "the partition makes up for the hour");
        KeySnapshot? seen = await locker.PeekAsync("held");
        seen!.IsLocked.ShouldBeTrue();
        seen.LeaseLeft!.Value.ShouldBeLessThanOrEqualTo(TimeSpan.FromMinutes(5), "a lease is never longer than it was given for");
        await using WorkLease next = await locker.AcquireAsync("freed");
        next.FencingToken.ShouldBeGreaterThan(freed.FencingToken);
        await locker.ForgetAsync("held");
        await using WorkLease taken = await locker.AcquireAsync("held");
        taken.FencingToken.ShouldBeGreaterThan(held.FencingToken);
        await first.StartAgainAsync(); // Who is disposed now would wait for it.
    }

    private sealed class HourAhead : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddHours(1);
    }
}
