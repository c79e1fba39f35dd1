using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>A mover that ends at each of its steps, before it or after it took effect; the next one goes on.</summary>
public abstract class TransferResumeSuite(StoreFixture fixture) : TransferSuite(fixture)
{
    private const int Count = 250; // two batches

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stopped_at_any_step_a_move_goes_on_and_nothing_is_lost_or_there_twice(bool afterEffect)
    {
        bool stopped = true;
        for (int n = 1; stopped; n++)
        {
            string ns = NewNamespace(), at = $"stopped at step {n}";
            await FillAsync(ns);
            stopped = await StoppedAsync(ns, n, afterEffect);

            // Between the two runs, the target's listeners have delivered and confirmed whatever had come and was due.
            string[] delivered = await DeliverAsync(ns);
            if (n % 3 == 0) await StoppedAsync(ns, n / 3, afterEffect); // some moves are stopped twice
            IReadOnlyList<MoveReport> reports = await Move(ns).RunAsync(default);

            reports.Single(report => report.Unit.Kind == TransferKind.Timers).Count.ShouldBe(Count + 1, at);
            reports.ShouldAllBe(report => report.End == MoveEnd.Moved || report.End == MoveEnd.MovedBefore, at);
            (await IdsAsync(Target, ns)).Concat(delivered).Order(StringComparer.Ordinal).ShouldBe(Ids().Order(StringComparer.Ordinal), at);
            (await Target.Locks.TryGetAsync(new(ns, "key"), default)).ShouldNotBeNull(at);
            await ShouldBeRefusedAsync(Source, ns, "was moved to");
            (await Target.Maintenance!.ReadMarksAsync(Timers(ns), default)).Import!.Phase.ShouldBe(TransferPhase.Done, at);
            TimerSnapshot later = await PeekAsync(Target, ns, "later");
            later.TimeLeft.ShouldBe(TimeSpan.FromHours(1), at);
            await DropAsync(ns);
            n.ShouldBeLessThan(200);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stopped_at_any_step_a_move_can_be_aborted_and_each_event_is_in_one_of_the_stores(bool afterEffect)
    {
        bool stopped = true;
        for (int n = 1; stopped; n++)
        {
            string ns = NewNamespace(), at = $"stopped at step {n}";
            await FillAsync(ns);
            stopped = await StoppedAsync(ns, n, afterEffect);
            string[] delivered = await DeliverAsync(ns);
            bool isOver = (await Source.Maintenance!.ReadMarksAsync(Timers(ns), default)).Seal is { Phase: TransferPhase.Moved };
            for (int k = 1; k <= 3; k++) // the abort is stopped, too
            {
                var stop = new Stop(k * 2, afterEffect);
                await Should.NotThrowAsync(() => IgnoreStopAsync(Move(ns, new StoppingStore(Source, stop), new StoppingStore(Target, stop)).AbortAsync(default)));
            }

            await Move(ns).AbortAsync(default);

            List<string> here = isOver ? [] : await IdsAsync(Source, ns), there = await IdsAsync(Target, ns);
            here.Concat(there).Concat(delivered).Order(StringComparer.Ordinal).ShouldBe(Ids().Order(StringComparer.Ordinal), at);
            if (!isOver) await PostAsync(Source, ns, Entry("new", 0));
            if (!isOver && n % 4 == 0)
            {
                // What is left can be moved after all, in another move.
                await Move(ns).RunAsync(default);
                (await IdsAsync(Target, ns)).Concat(delivered).Order(StringComparer.Ordinal).ShouldBe(Ids().Append("new").Order(StringComparer.Ordinal), at);
            }

            await DropAsync(ns);
        }
    }

    [Fact]
    public async Task Two_movers_at_once_do_no_harm()
    {
        for (int round = 0; round < 10; round++)
        {
            string ns = NewNamespace();
            await FillAsync(ns);
            Task[] movers = [IgnoreRefusalAsync(Move(ns)), IgnoreRefusalAsync(Move(ns))];
            await Task.WhenAll(movers);
            await Move(ns).RunAsync(default);
            (await IdsAsync(Target, ns)).Order(StringComparer.Ordinal).ShouldBe(Ids().Order(StringComparer.Ordinal));
        }
    }

    /// <summary>Some stores list a namespace by reading through all keys: what is left of one round would be steps of every later one.</summary>
    private async Task DropAsync(string ns)
    {
        foreach (IStoreMaintenance store in (IStoreMaintenance[])[Source.Maintenance!, Target.Maintenance!])
        {
            TransferMarks marks = await store.ReadMarksAsync(Timers(ns), default);
            (await store.SwitchAsync(Timers(ns), marks, new TransferMarks(null, null), default)).ShouldBeTrue();
            await store.DropTimersAsync(ns, force: true, default);
        }
    }

    private static string[] Ids() => [.. Enumerable.Range(0, Count).Select(i => $"e{i:000}"), "later"];

    private static async Task IgnoreRefusalAsync(StoreMove move)
    {
        try
        {
            await Task.Run(() => move.RunAsync(default));
        }
        catch (Exception e) when (e is MoveRefusedException or LatchworkStoreException { Outcome: StoreOutcome.NotApplied })
        {
            // The other one has ended it meanwhile, and the store says so.
        }
    }

    private async Task FillAsync(string ns)
    {
        await PostAsync(Source, ns, [.. Enumerable.Range(0, Count).Select(i => Entry($"e{i:000}", i % 50 == 0 ? 0 : 60_000 + i)), Entry("later", 3_600_000)]);
        await RunAsync(Source, ns, "key", "value");
    }

    private async Task<string[]> DeliverAsync(string ns)
    {
        await Target.Timers.OpenAsync(ns, default);
        DeliveryKey[] due = await ClaimAsync(Target, ns);
        if (due.Length > 0) await Target.Timers.ConfirmAsync(Partition(ns), due, CompletedLimits.None, default);
        await Target.Timers.LeaveAsync(Partition(ns), "n1", default);
        return [.. due.Select(key => key.Id)];
    }
}
