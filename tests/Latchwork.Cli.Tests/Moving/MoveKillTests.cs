using Latchwork.Cli.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests.Moving;

/// <summary>The command as a process that is killed while it moves (SIGKILL), again and again, and then comes to its end.</summary>
public sealed class MoveKillTests(PairFixture pair) : IClassFixture<PairFixture>
{
    private const int Count = 20_000;

    /// <summary>How many events have arrived when it is killed.</summary>
    private static readonly int[] _killedAt = [1, 2_000, 5_000, 11_000, 16_000];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Killed_at_many_points_it_goes_on_and_each_event_arrives_once(bool toRedis)
    {
        string ns = toRedis ? "to-redis" : "to-sqlite";
        await using LatchworkStore sqlite = await pair.OpenSqliteAsync(), redis = await pair.OpenRedisAsync();
        (LatchworkStore source, LatchworkStore target) = toRedis ? (sqlite, redis) : (redis, sqlite);
        string[] command = ["move", "--from", toRedis ? pair.Sqlite : pair.Redis, "--to", toRedis ? pair.Redis : pair.Sqlite, "-n", ns, "--json"];
        var partition = new TimerPartition(ns, 0);
        string[] ids = [.. Enumerable.Range(0, Count).Select(i => $"e{i:00000}")];
        await source.Timers.OpenAsync(ns, default);
        foreach (string[] batch in ids.Chunk(Limits.MaxBatch))
        {
            await source.Timers.PostAsync(partition, [.. batch.Select(id => new TimerEntry(id, TimeSpan.FromHours(2), new byte[100], 0, IfExists.Fail, null, false))], default);
        }

        foreach (int point in _killedAt)
        {
            await using var mover = CliProcess.Start(command);
            await Eventually.ReadsAsync(() => ArrivedAsync(target, ns), arrived => arrived >= point, $"{point} events arrive; the tool says: {mover.Error}");
            mover.Kill();
        }

        await using (var last = CliProcess.Start(command))
        {
            (await last.ExitsAsync()).ShouldBe(0, last.Error);
            last.Json.ShouldHaveSingleItem().GetProperty("count").GetInt64().ShouldBe(Count);
        }

        var found = new List<string>();
        string? cursor = null;
        do
        {
            TimerPage page = await target.Timers.UpcomingAsync(partition, null, null, cursor, Limits.MaxBatch, default);
            found.AddRange(page.Items.Select(e => e.Id));
            cursor = page.Cursor;
        }
        while (cursor is not null);
        found.Order(StringComparer.Ordinal).ShouldBe(ids);
        TransferMark seal = (await source.Maintenance!.ReadMarksAsync(new(TransferKind.Timers, ns), default)).Seal.ShouldNotBeNull();
        seal.Phase.ShouldBe(TransferPhase.Moved);
        (await source.Maintenance.ReadEventsAsync(ns, seal.MoveId, [], default)).ShouldBeEmpty();
        (await Should.ThrowAsync<LatchworkStoreException>(() => source.Timers.GetStatsAsync(partition, default))).Outcome.ShouldBe(StoreOutcome.NotApplied);
    }

    private static async Task<long> ArrivedAsync(LatchworkStore target, string ns) =>
        (await target.Maintenance!.ReadMarksAsync(new(TransferKind.Timers, ns), default)).Import?.Count ?? 0;
}
