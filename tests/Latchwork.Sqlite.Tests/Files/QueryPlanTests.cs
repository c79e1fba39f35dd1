using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>No operation looks at all rows of a table: its cost does not grow with what is stored.</summary>
public sealed class QueryPlanTests : IDisposable
{
    /// <summary>Tables with a row for each namespace or process: few, and read whole where all are wanted.</summary>
    private static readonly string[] _small = ["SCAN timer_namespaces", "SCAN lock_namespaces", "SCAN processes", "SCAN sqlite_master"];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_statement_scans_a_table()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await UseEverythingAsync(store);
        string[] texts =
        [
            .. await store.Writer.RunAsync(scope => scope.File.Texts.ToArray(), isDurable: false, default),
            .. await store.Reader.RunAsync(file => file.Texts.ToArray(), isDurable: false, default),
        ];
        string[] plans =
        [
            .. from text in texts.Distinct()
               where text.Contains("SELECT", StringComparison.Ordinal) || text.StartsWith("UPDATE", StringComparison.Ordinal) || text.StartsWith("DELETE", StringComparison.Ordinal)
               from step in _folder.Ask("EXPLAIN QUERY PLAN " + text).Split('\n')
               select $"{step.Split('|')[^1]} in {text}"
        ];
        plans.Length.ShouldBeGreaterThan(40, "the plans are really looked at");
        plans.Where(plan => plan.StartsWith("SCAN", StringComparison.Ordinal) && !_small.Any(small => plan.StartsWith(small, StringComparison.Ordinal))).ShouldBeEmpty();
        plans.Where(plan => plan.Contains("TEMP B-TREE", StringComparison.Ordinal) && !plan.Contains("l.token = ?", StringComparison.Ordinal))
            .ShouldBeEmpty("nothing is sorted but the few events of a repeated claim");
    }

    private static async Task UseEverythingAsync(SqliteStore store)
    {
        var p = new TimerPartition("plans", 0);
        ITimerStore timers = store.Timers;
        var limits = new DeadLetterLimits(TimeSpan.FromDays(1), 0);
        Due now = DateTimeOffset.UnixEpoch.AddYears(50); // due immediately, not at the end of this millisecond
        TimerEntry Entry(string id, Due due) => new(id, due, "x"u8.ToArray(), 1, IfExists.Replace, null, false);
        ClaimRequest Claim(string token, double leaseMs = 60_000) => new("n", token, 10, 10, 0, TimeSpan.FromMilliseconds(leaseMs), limits);

        await timers.OpenAsync("plans", default);
        await timers.NamespacesAsync(default);
        await using (await timers.SubscribeAsync("plans", "n", _ => { }, default))
        {
            await timers.PostAsync(p, [Entry("a", now), Entry("a", now), Entry("b", now), Entry("c", TimeSpan.FromHours(1)), Entry("d", now), Entry("e", now)], default);
            await timers.ClaimAsync(p, Claim("t0"), default);
            await timers.ClaimAsync(p, Claim("t0"), default);
            await timers.InFlightAsync(p, null, 10, default);
        }

        await timers.ExtendAsync(p, [new("a", "t0")], TimeSpan.FromMinutes(5), default);
        await timers.ReleaseAsync(p, [new("a", "t0")], default);
        var completed = new CompletedLimits(TimeSpan.FromDays(1), 1);
        await timers.ConfirmAsync(p, [new("b", "t0")], completed, default);
        await timers.PeekAsync(p, "b", default);
        await timers.CompletedAsync(p, null, 10, default);
        await timers.FailAsync(p, [new(new("d", "t0"), "n", "why", TimeSpan.Zero, DeadLetterReason.RetriesExhausted)], limits, default);
        await timers.FailAsync(p, [new(new("e", "t0"), "n", "why", null, DeadLetterReason.Rejected)], new(TimeSpan.FromDays(1), 10), default);
        await timers.ClaimAsync(p, Claim("t1", leaseMs: 1), default);
        while ((await timers.GetStatsAsync(p, default)).InFlight > 0) await timers.ClaimAsync(p, Claim("t2", leaseMs: 1) with { Max = 0 }, default);
        await timers.PeekAsync(p, "a", default);
        await timers.ChangeDelayAsync(p, "c", TimeSpan.FromHours(2), default);
        await timers.UpcomingAsync(p, null, null, null, 10, default);
        await timers.DeadLettersAsync(p, null, 10, default);
        await timers.RequeueAsync(p, [new("e", null)], TimeSpan.FromHours(1), default);
        await timers.PurgeAsync(p, [new("d", null)], default);
        await timers.CancelAsync(p, "c", revoke: true, default);
        await timers.GetNodesAsync(p, default);
        await timers.LeaveAsync(p, "n", default);

        var key = new LockerKey("plans", "k");
        ILockerStore locks = store.Locks;
        await locks.OpenAsync("plans", default);
        await using IAsyncDisposable waiting = await locks.SubscribeAsync(key, _ => { }, default);
        var granted = (LockGranted)await locks.RequestAsync(key, new("n", "o", TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), null, false), default);
        await locks.RenewAsync(key, granted.FencingToken, "o", TimeSpan.FromSeconds(9), default);
        await locks.ListAsync("plans", null, 10, default);
        await locks.PeekAsync(key, default);
        await locks.PublishAsync(key, new(granted.FencingToken, "o", LockerOutcomeKind.Value, "x"u8.ToArray(), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)), default);
        await locks.TryGetAsync(key, default);
        await locks.ReleaseAsync(key, granted.FencingToken, "o", default);
        await locks.ForgetAsync(key, TimeSpan.FromMinutes(1), default);
        foreach (TimeSpan kept in (TimeSpan[])[TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)])
        {
            granted = (LockGranted)await locks.RequestAsync(key, new("n", $"{kept}", TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), null, true), default);
            await locks.PublishAsync(key, new(granted.FencingToken, null, LockerOutcomeKind.Value, new byte[5_000], kept, kept), default);
        }

        await locks.TryGetAsync(key, default);
        await locks.ForgetAsync(key, TimeSpan.FromMinutes(1), default);
    }
}
