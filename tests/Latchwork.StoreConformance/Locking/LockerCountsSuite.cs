using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>What lockers have done: added up in each process, and in the store.</summary>
public abstract class LockerCountsSuite(StoreFixture fixture) : LockerSuite(fixture)
{
    [Fact]
    public async Task Counts_add_up_and_each_namespace_has_its_own()
    {
        string other = $"test-{Guid.NewGuid():N}";
        (await Locks.GetStatsAsync(other, CancellationToken.None)).ShouldBe(new LockerStats(0, 0, 0));
        await Locks.AddCountsAsync(Namespace, new LockerStats(5, 0, 1), CancellationToken.None);
        await Locks.AddCountsAsync(Namespace, new LockerStats(10_000_000_000, 2, 0), CancellationToken.None);
        (await Locks.GetStatsAsync(Namespace, CancellationToken.None)).ShouldBe(new LockerStats(10_000_000_005, 2, 1));
        (await Locks.GetStatsAsync(other, CancellationToken.None)).ShouldBe(new LockerStats(0, 0, 0));
    }

    [Fact]
    public async Task A_locker_counts_its_runs_takeovers_and_failures()
    {
        await TakeAsync("gone", lease: Ms(1));
        Clock.Advance(Seconds(1));
        await using var locker = NewLocker();
        (await locker.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>([1]))).ShouldBe([1]);
        (await locker.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>([2]))).ShouldBe([1], "it is fresh, and no run");
        await Should.ThrowAsync<RunFailedException>(() => locker.RunOnceAsync("fails", (_, _) => Task.FromException<byte[]?>(new InvalidOperationException("no"))));
        await using (await locker.AcquireAsync("plain")) { }
        (await locker.GetStatsAsync()).ShouldBe(new LockerStats(3, 1, 1));
    }

    [Fact]
    public async Task Counts_are_written_once_a_second_and_at_the_end()
    {
        var locker = NewLocker();
        await using ProcessLocker reader = NewLocker();
        for (int i = 0; i < 5; i++) await locker.RunOnceAsync($"k{i}", (_, _) => Task.FromResult<byte[]?>([1]));
        (await reader.GetStatsAsync()).Runs.ShouldBe(0);
        Clock.Advance(Seconds(1));
        await Eventually.ReadsAsync(() => reader.GetStatsAsync(), stats => stats.Runs == 5, "written after a second");
        await locker.RunOnceAsync("last", (_, _) => Task.FromResult<byte[]?>([1]));
        await locker.DisposeAsync();
        (await reader.GetStatsAsync()).Runs.ShouldBe(6);
    }

    [Fact]
    public async Task What_a_killed_process_did_in_its_last_second_is_not_counted()
    {
        var locker = NewLocker();
        await locker.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>([1]));
        locker.Abandon();
        Clock.Advance(Seconds(5));
        await using ProcessLocker reader = NewLocker();
        (await reader.GetStatsAsync()).ShouldBe(new LockerStats(0, 0, 0));
    }

    private ProcessLocker NewLocker() => new(Store, new() { Namespace = Namespace, TimeProvider = Clock });
}
