using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>What the suites of moving share: two stores under one clock that stands still, and namespaces of their own.</summary>
public abstract class TransferSuite(StoreFixture fixture) : IAsyncLifetime
{
    protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    protected static readonly TimeSpan LockTimeout = TimeSpan.FromMinutes(60);

    private int _claims;

    protected StoreFixture Fixture { get; } = fixture;

    protected ManualTimeProvider Clock { get; } = new();

    protected LatchworkStore Source { get; private set; } = null!;

    protected LatchworkStore Target { get; private set; } = null!;

    public virtual async Task InitializeAsync()
    {
        Source = await Fixture.OpenAsync(Clock);
        Target = await Fixture.OpenTargetAsync(Clock);
    }

    public virtual async Task DisposeAsync()
    {
        await Source.DisposeAsync();
        await Target.DisposeAsync();
    }

    protected static string NewNamespace() => $"test-{Guid.NewGuid():N}";

    protected static TimerPartition Partition(string ns) => new(ns, 0);

    protected static NamespaceRef Timers(string ns) => new(TransferKind.Timers, ns);

    protected static NamespaceRef Locks(string ns) => new(TransferKind.Locks, ns);

    protected static TimerEntry Entry(string id, double dueInMs, int maxRetries = 0, string payload = "{}", IReadOnlyDictionary<string, string>? headers = null) =>
        new(id, Due.In(TimeSpan.FromMilliseconds(dueInMs)), Encoding.UTF8.GetBytes(payload), maxRetries, IfExists.Fail, headers, IdIsNew: false);

    protected static async Task PostAsync(LatchworkStore store, string ns, params TimerEntry[] entries)
    {
        await store.Timers.OpenAsync(ns, default);
        foreach (TimerEntry[] batch in entries.Chunk(Limits.MaxBatch))
        {
            (await store.Timers.PostAsync(Partition(ns), batch, default)).ShouldAllBe(outcome => outcome == PostOutcome.Created);
        }
    }

    /// <summary>Claims what is due.</summary>
    protected async Task<DeliveryKey[]> ClaimAsync(LatchworkStore store, string ns, int max = 200, string node = "n1")
    {
        string token = $"claim-{++_claims}";
        var request = new ClaimRequest(node, token, max, Limits.MaxBatch, 0, Lease, new DeadLetterLimits(TimeSpan.FromDays(30), 100_000));
        TimerClaim claim = await store.Timers.ClaimAsync(Partition(ns), request, default);
        return [.. claim.Events.Select(e => new DeliveryKey(e.Id, token))];
    }

    /// <summary>Claims one event and lets it fail.</summary>
    protected async Task FailAsync(LatchworkStore store, string ns, TimeSpan? retryIn, string error = "boom")
    {
        DeliveryKey key = (await ClaimAsync(store, ns, max: 1)).ShouldHaveSingleItem();
        var failure = new TimerFailure(key, "n1", error, retryIn, DeadLetterReason.Rejected);
        await store.Timers.FailAsync(Partition(ns), [failure], new DeadLetterLimits(TimeSpan.FromDays(30), 100_000), default);
    }

    protected static async Task<TimerSnapshot> PeekAsync(LatchworkStore store, string ns, string id) =>
        (await store.Timers.PeekAsync(Partition(ns), id, default)).ShouldNotBeNull(id);

    /// <summary>The ids of all events, dead ones included.</summary>
    protected static async Task<List<string>> IdsAsync(LatchworkStore store, string ns)
    {
        var ids = new List<string>();
        string? cursor = null;
        do
        {
            TimerPage page = await store.Timers.UpcomingAsync(Partition(ns), null, null, cursor, Limits.MaxBatch, default);
            ids.AddRange(page.Items.Select(e => e.Id));
            cursor = page.Cursor;
        }
        while (cursor is not null);

        do
        {
            TimerPage page = await store.Timers.DeadLettersAsync(Partition(ns), cursor, Limits.MaxBatch, default);
            ids.AddRange(page.Items.Select(e => e.Id));
            cursor = page.Cursor;
        }
        while (cursor is not null);

        return ids;
    }

    protected static async Task<long> LockAsync(LatchworkStore store, string ns, string key, string nonce, bool lockOnly = false)
    {
        await store.Locks.OpenAsync(ns, default);
        LockerReply reply = await store.Locks.RequestAsync(new(ns, key), new($"node-{nonce}", nonce, Lease, LockTimeout, null, lockOnly), default);
        return reply.ShouldBeOfType<LockGranted>().FencingToken;
    }

    /// <summary>Runs a key's work: it is locked and published.</summary>
    protected static async Task<long> RunAsync(LatchworkStore store, string ns, string key, string value, double freshForSeconds = 600)
    {
        long fencingToken = await LockAsync(store, ns, key, $"run-{key}");
        var publication = new LockerPublication(
            fencingToken, $"run-{key}", LockerOutcomeKind.Value, Encoding.UTF8.GetBytes(value), TimeSpan.FromSeconds(freshForSeconds), TimeSpan.FromSeconds(2));
        (await store.Locks.PublishAsync(new(ns, key), publication, default)).ShouldBe(PublishOutcome.Accepted);
        return fencingToken;
    }

    /// <summary>Lets every node fall silent and every lease run out.</summary>
    protected void LetNodesDie() => Clock.Advance(TimeSpan.FromMinutes(1));

    /// <summary>Everything that a closed namespace says to its clients.</summary>
    protected static async Task ShouldBeRefusedAsync(LatchworkStore store, string ns, string told)
    {
        Func<Task>[] operations =
        [
            () => store.Timers.OpenAsync(ns, default),
            () => store.Timers.PostAsync(Partition(ns), [Entry("new", 0)], default),
            () => store.Timers.ClaimAsync(Partition(ns), new("n2", "t", 1, 1, 0, Lease, new(TimeSpan.FromDays(1), 1)), default),
            () => store.Timers.CancelAsync(Partition(ns), "new", revoke: true, default),
            () => store.Timers.PeekAsync(Partition(ns), "new", default),
            () => store.Timers.InFlightAsync(Partition(ns), null, 1, default),
            () => store.Timers.UpcomingAsync(Partition(ns), null, null, null, 1, default),
            () => store.Timers.CompletedAsync(Partition(ns), null, 1, default),
            () => store.Locks.OpenAsync(ns, default),
            () => store.Locks.RequestAsync(new(ns, "new"), new("n2", "nonce", Lease, LockTimeout, null, LockOnly: true), default),
            () => store.Locks.TryGetAsync(new(ns, "new"), default),
            () => store.Locks.ForgetAsync(new(ns, "new"), LockTimeout, default),
            () => store.Locks.PeekAsync(new(ns, "new"), default),
            () => store.Locks.PublishAsync(new(ns, "new"), new(1, "x", LockerOutcomeKind.Null, default, Lease, Lease), default),
        ];
        foreach (Func<Task> operation in operations)
        {
            LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(operation);
            e.Outcome.ShouldBe(StoreOutcome.NotApplied);
            e.Message.ShouldContain(ns);
            e.Message.ShouldContain("is closed: it ");
            e.Message.ShouldContain(told);
        }
    }

    private protected StoreMove Move(string? ns, LatchworkStore? source = null, LatchworkStore? target = null, TimeSpan? timeout = null) =>
        new(source ?? Source, target ?? Target, new MoveOptions { Namespace = ns, TimeProvider = Clock, WaitTimeout = timeout ?? TimeSpan.Zero });

    /// <summary>Cuts a move off at one of its operations on a store, counted from 1.</summary>
    /// <returns>Whether it came to that.</returns>
    private protected async Task<bool> StoppedAsync(string ns, int at, bool afterEffect)
    {
        var stop = new Stop(at, afterEffect);
        await IgnoreStopAsync(Move(ns, new StoppingStore(Source, stop), new StoppingStore(Target, stop)).RunAsync(default));
        return stop.Happened;
    }

    private protected static async Task IgnoreStopAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (StoppedException)
        {
            // That is what the test is about.
        }
    }
}
