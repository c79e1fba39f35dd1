using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>What is refused, with what words, and that nothing is changed by it; and what clients of a sealed namespace see.</summary>
public abstract class TransferRefusalSuite(StoreFixture fixture) : TransferSuite(fixture)
{
    [Fact]
    public async Task A_listener_in_the_source_is_named_and_nothing_is_sealed()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 60_000));
        await ClaimAsync(Source, ns, node: "listener-7");
        (await RefusedAsync(Move(ns))).ShouldContain("listener-7");
        await PostAsync(Source, ns, Entry("b", 60_000));

        await Source.Timers.LeaveAsync(Partition(ns), "listener-7", default);
        (await Move(ns).RunAsync(default)).Single().Count.ShouldBe(2);
    }

    [Fact]
    public async Task An_event_in_flight_is_waited_for_or_refused()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 0, maxRetries: 1));
        DeliveryKey key = (await ClaimAsync(Source, ns)).Single();
        await Source.Timers.ExtendAsync(Partition(ns), [key], TimeSpan.FromMinutes(5), default);
        LetNodesDie(); // the node is silent, its lease runs
        (await RefusedAsync(Move(ns))).ShouldContain("in flight");

        Task<IReadOnlyList<MoveReport>> waiting = Move(ns, timeout: TimeSpan.FromMinutes(10)).RunAsync(default);
        await Clock.AdvanceUntilAsync(() => waiting.IsCompleted, TimeSpan.FromMinutes(1), "the lease runs out");
        (await waiting).Single().Count.ShouldBe(1);
        (await PeekAsync(Target, ns, "a")).Retries.ShouldBe(1);
    }

    [Fact]
    public async Task A_lock_that_is_held_is_named_and_nothing_is_sealed()
    {
        string ns = NewNamespace();
        long fencingToken = await LockAsync(Source, ns, "busy key", "w1");
        string told = await RefusedAsync(Move(ns));
        told.ShouldContain("'busy key'");
        told.ShouldContain("node-w1");
        await LockAsync(Source, ns, "other", "w2");
        (await Source.Locks.RenewAsync(new(ns, "busy key"), fencingToken, "w1", Lease, default)).ShouldBeTrue();
    }

    [Fact]
    public async Task An_owner_may_end_its_run_while_its_namespace_is_moved_and_is_waited_for()
    {
        string ns = NewNamespace();
        await RunAsync(Source, ns, "done", "value");
        long fencingToken = await LockAsync(Source, ns, "busy", "w1");
        TransferMark seal = (await Source.Maintenance!.CloseAsync(Locks(ns), "m", Target.Maintenance!.Place, checkOnly: false, default)).Seal.ShouldNotBeNull();
        (await RefusedAsync(Move(ns))).ShouldContain("'busy'");

        (await Source.Locks.RenewAsync(new(ns, "busy"), fencingToken, "w1", Lease, default)).ShouldBeTrue();
        var publication = new LockerPublication(fencingToken, "w1", LockerOutcomeKind.Null, default, TimeSpan.FromMinutes(1), Lease);
        (await Source.Locks.PublishAsync(new(ns, "busy"), publication, default)).ShouldBe(PublishOutcome.Accepted);
        (await Move(ns).RunAsync(default)).Single().End.ShouldBe(MoveEnd.Moved);
        (await Target.Locks.TryGetAsync(new(ns, "busy"), default)).ShouldNotBeNull().Kind.ShouldBe(LockerOutcomeKind.Null);
        (await Target.Locks.TryGetAsync(new(ns, "done"), default)).ShouldNotBeNull();
        seal.MoveId.ShouldBe("m");
    }

    [Fact]
    public async Task An_owner_whose_lease_ran_out_cannot_publish_into_the_void()
    {
        string ns = NewNamespace();
        long fencingToken = await LockAsync(Source, ns, "key", "w1");
        LetNodesDie();
        await Move(ns).RunAsync(default);
        var publication = new LockerPublication(fencingToken, "w1", LockerOutcomeKind.Null, default, TimeSpan.FromMinutes(1), Lease);
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => Source.Locks.PublishAsync(new(ns, "key"), publication, default));
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
        (await Target.Locks.TryGetAsync(new(ns, "key"), default)).ShouldBeNull();
    }

    [Fact]
    public async Task Ids_that_are_taken_in_the_target_are_named_and_the_move_goes_on_once_they_are_gone()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, [.. Enumerable.Range(0, 20).Select(i => Entry($"e{i}", 1000, payload: "source"))]);
        await PostAsync(Target, ns, Entry("e7", 5000, payload: "target"), Entry("mine", 5000));
        string told = await RefusedAsync(Move(ns));
        told.ShouldContain("'e7'");
        told.ShouldNotContain("'e8'");
        if (Fixture.TakesInAllOrNothing) (await IdsAsync(Target, ns)).Order().ShouldBe(["e7", "mine"]);
        await ShouldBeRefusedAsync(ns, TransferKind.Timers, "is being moved to");

        (await Target.Timers.CancelAsync(Partition(ns), "e7", revoke: false, default)).ShouldBe(TimerOutcome.Done);
        (await Move(ns).RunAsync(default)).Single().Count.ShouldBe(20);
        (await IdsAsync(Target, ns)).Count.ShouldBe(21);
        (await PeekAsync(Target, ns, "e7")).Payload.ToArray().ShouldBe("source"u8.ToArray());
    }

    [Fact]
    public async Task Source_and_target_must_differ()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 1000));
        Should.Throw<ArgumentException>(() => Move(ns, Source, Source)).Message.ShouldContain(Source.Maintenance!.Place);

        // The same store under another name is found out by the seal.
        await using LatchworkStore renamed = new RenamedStore(Source);
        (await RefusedAsync(Move(ns, Source, renamed))).ShouldContain("the same store");
        (await IdsAsync(Source, ns)).ShouldBe(["a"], "it is open, and nothing was changed");
    }

    [Fact]
    public async Task A_move_to_one_store_does_not_go_on_to_another()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 1000));
        await Source.Maintenance!.CloseAsync(Timers(ns), "m", "redis://elsewhere:6379/0", checkOnly: false, default);
        (await RefusedAsync(Move(ns))).ShouldContain("redis://elsewhere:6379/0");
        await ShouldBeRefusedAsync(ns, TransferKind.Timers, "is being moved to redis://elsewhere:6379/0");
    }

    [Fact]
    public async Task Clients_of_a_namespace_that_was_moved_are_told_where_it_is()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 1000));
        await RunAsync(Source, ns, "key", "value");
        await Move(ns).RunAsync(default);
        await ShouldBeRefusedAsync(Source, ns, $"was moved to {Target.Maintenance!.Place}");
        (await Source.Maintenance!.ReadEventsAsync(ns, (await Source.Maintenance.ReadMarksAsync(Timers(ns), default)).Seal!.MoveId, [], default)).ShouldBeEmpty();
        (await Move(ns).RunAsync(default)).ShouldAllBe(report => report.End == MoveEnd.MovedBefore);
    }

    [Fact]
    public async Task What_a_mover_that_is_gone_had_sent_does_nothing_after_the_end()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 1000));
        await Move(ns).RunAsync(default);
        TransferMark import = (await Target.Maintenance!.ReadMarksAsync(Timers(ns), default)).Import.ShouldNotBeNull();
        (import.Phase, import.Count, import.Place).ShouldBe((TransferPhase.Done, 1, Source.Maintenance!.Place));
        await Target.Timers.CancelAsync(Partition(ns), "a", revoke: false, default);
        var late = new TransferEvent("a", default, new Dictionary<string, string>(), 0, 0, TimeSpan.Zero, [], null);
        (await Target.Maintenance.WriteEventsAsync(ns, import.MoveId, [late], default)).ShouldBe([ImportOutcome.Closed]);
        (await IdsAsync(Target, ns)).ShouldBeEmpty();
        await Should.ThrowAsync<LatchworkStoreException>(() => Source.Maintenance.ReadEventsAsync(ns, "another", ["a"], default));
    }

    private static async Task<string> RefusedAsync(StoreMove move) => (await Should.ThrowAsync<MoveRefusedException>(() => move.RunAsync(default))).Message;

    private async Task ShouldBeRefusedAsync(string ns, TransferKind kind, string told)
    {
        Task refused = kind == TransferKind.Timers
            ? Source.Timers.PostAsync(Partition(ns), [Entry("new", 0)], default)
            : Source.Locks.RequestAsync(new(ns, "new"), new("n2", "nonce", Lease, LockTimeout, null, LockOnly: true), default);
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => refused);
        (e.Outcome, e.Message.Contains(told, StringComparison.Ordinal)).ShouldBe((StoreOutcome.NotApplied, true), e.Message);
    }

    /// <summary>The same store, with an address that one cannot tell it by.</summary>
    private sealed class RenamedStore(LatchworkStore store) : LatchworkStore
    {
        public override ITimerStore Timers => store.Timers;

        public override ILockerStore Locks => store.Locks;

        public override IStoreMaintenance Maintenance { get; } = new RenamedMaintenance(store.Maintenance!);

        public override string Description => "alias:";

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_namespace_that_is_dropped_is_gone_with_all_that_it_held_and_begins_anew()
    {
        string ns = NewNamespace(), other = NewNamespace();
        (await Source.Maintenance!.DropTimersAsync(ns, force: true, default)).ShouldBeNull();
        await PostAsync(Source, other, Entry("x", 1_000));
        await PostAsync(Source, ns, Entry("dead", 0), Entry("later", 1_000), Entry("soon", 0));
        await FailAsync(Source, ns, retryIn: null, error: "e");

        NamespaceDrop refused = (await Source.Maintenance!.DropTimersAsync(ns, force: false, default)).ShouldNotBeNull();
        (refused.IsDropped, refused.Events).ShouldBe((false, 3));
        NamespaceDrop listening = (await Source.Maintenance!.DropTimersAsync(ns, force: true, default)).ShouldNotBeNull();
        listening.IsDropped.ShouldBeFalse();
        listening.Listeners.ShouldHaveSingleItem();
        (await Source.Timers.GetStatsAsync(Partition(ns), default)).DeadLetters.ShouldBeGreaterThan(0);

        LetNodesDie();
        NamespaceDrop dropped = (await Source.Maintenance!.DropTimersAsync(ns, force: true, default)).ShouldNotBeNull();
        (dropped.IsDropped, dropped.Events).ShouldBe((true, 3));
        (await Source.Timers.FindAsync(ns, default)).ShouldBeNull();
        (await Source.Timers.NamespacesAsync(default)).ShouldNotContain(ns);
        (await Source.Timers.PeekAsync(Partition(other), "x", default)).ShouldNotBeNull();

        await PostAsync(Source, ns, Entry("later", 1_000));
        (await Source.Timers.NamespacesAsync(default)).ShouldContain(ns);
        (await Source.Timers.GetStatsAsync(Partition(ns), default)).WithoutCounters().ShouldBe(new TimerStats(1, 0, 0, 0, null));
    }

    private sealed class RenamedMaintenance(IStoreMaintenance inner) : DelegatingStoreMaintenance
    {
        public override string Place => "alias:";

        public override IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken) => inner.ExamineAsync(ns, fix, cancellationToken);

        protected override Task<T> PassAsync<T>(Func<IStoreMaintenance, Task<T>> call, CancellationToken cancellationToken) => call(inner);
    }
}
