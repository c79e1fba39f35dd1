using Latchwork.Storage;
using Latchwork.StoreConformance.Engine;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>A pause is the affair of all partitions, whoever pauses and resumes at one time, and whatever fails in between.</summary>
public sealed class PartitionedPausingTests(PartitionedFixture fixture) : IClassFixture<PartitionedFixture>, IAsyncLifetime
{
    private readonly string _ns = $"pause-{Guid.NewGuid():N}";
    private LatchworkStore _store = null!;

    public async Task InitializeAsync() => _store = await fixture.OpenAsync(null);

    public async Task DisposeAsync() => await _store.DisposeAsync();

    [Fact]
    public async Task Every_partition_is_paused_when_the_call_returns()
    {
        await using var timer = new DistributedTimer(_store, new() { Namespace = _ns });
        TimerPause pause = await timer.PauseAsync("why", "anna");
        (await PausesAsync()).ShouldAllBe(one => one == pause);
        (await timer.PauseAsync("other", "ben")).ShouldBe(pause);
        (await timer.ResumeAsync()).ShouldBe(pause);
        (await PausesAsync()).ShouldAllBe(one => one == null);
    }

    [Fact]
    public async Task Those_who_pause_and_resume_at_one_time_leave_all_partitions_alike()
    {
        await using var timer = new DistributedTimer(_store, new() { Namespace = _ns });
        for (int round = 0; round < 20; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(i => i % 2 == 0 ? (Task)timer.PauseAsync($"{round}", $"n{i}") : timer.ResumeAsync()));
            TimerPause?[] pauses = await PausesAsync();
            pauses.Distinct().Count().ShouldBe(1, string.Join("; ", pauses.AsEnumerable()));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_cut_off_is_said_and_put_right_by_the_same_call(bool pausing)
    {
        var faulty = new FaultyStore(_store);
        await using var timer = new DistributedTimer(faulty, new() { Namespace = _ns });
        if (!pausing) await timer.PauseAsync("why");

        // Whatever is sent to the fourth partition fails once.
        int calls = 0;
        faulty.Faults.BeforePause = partition => partition.Index == 3 && calls++ == 0 ? throw new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) : Task.CompletedTask;
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(CallAsync);
        (e.Outcome, e.Message).ShouldBe((StoreOutcome.Unknown, $"The namespace '{_ns}' may be paused in some of its 5 partitions and not in others: The server is away. Make the call again."));
        (await PausesAsync()).Select(one => one is not null).Distinct().Count().ShouldBe(2);
        (await timer.GetStatsAsync()).Pause.ShouldNotBeNull("where any partition is paused, that is shown");

        await CallAsync();
        (await PausesAsync()).ShouldAllBe(one => one != null == pausing);

        Task CallAsync() => pausing ? (Task)timer.PauseAsync("why") : timer.ResumeAsync();
    }

    private async Task<TimerPause?[]> PausesAsync()
    {
        var pauses = new TimerPause?[PartitionedFixture.Partitions];
        for (int i = 0; i < pauses.Length; i++) pauses[i] = (await _store.Timers.GetStatsAsync(new TimerPartition(_ns, i), CancellationToken.None)).Pause;
        return pauses;
    }
}
