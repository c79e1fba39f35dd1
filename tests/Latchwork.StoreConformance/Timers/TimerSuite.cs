using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>What the timer suites share: a store under a manual clock, a namespace of its own, and short ways to say things.</summary>
public abstract class TimerSuite(StoreFixture fixture) : IAsyncLifetime
{
    private int _claims;

    protected static readonly DeadLetterLimits KeepDeadLetters = new(TimeSpan.FromDays(30), 100_000);

    protected static readonly CompletedLimits KeepCompleted = new(TimeSpan.FromDays(1), Limits.MaxCompleted);

    protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    protected StoreFixture Fixture { get; } = fixture;

    protected ManualTimeProvider Clock { get; } = new();

    protected LatchworkStore Store { get; private set; } = null!;

    protected ITimerStore Timers => Store.Timers;

    /// <summary>A partition of a namespace that no other test uses.</summary>
    protected TimerPartition Partition { get; } = new($"test-{Guid.NewGuid():N}", fixture.PartitionOfSuites);

    public virtual async Task InitializeAsync()
    {
        Store = await Fixture.OpenAsync(Clock);
        await Timers.OpenAsync(Partition.Namespace, CancellationToken.None);
    }

    public virtual async Task DisposeAsync() => await Store.DisposeAsync();

    protected static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    protected static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static TimerEntry Entry(string id, Due due, int maxRetries = 0, IfExists ifExists = IfExists.Replace, string payload = "{}") =>
        new(id, due, Bytes(payload), maxRetries, ifExists, null, IdIsNew: false);

    protected static TimerEntry Entry(string id, double dueInMs, int maxRetries = 0, IfExists ifExists = IfExists.Replace, string payload = "{}") =>
        Entry(id, Due.In(Ms(dueInMs)), maxRetries, ifExists, payload);

    protected Task<IReadOnlyList<PostOutcome>> PostAsync(params TimerEntry[] entries) => Timers.PostAsync(Partition, entries, CancellationToken.None);

    protected async Task<PostOutcome> PostAsync(string id, double dueInMs, int maxRetries = 0, IfExists ifExists = IfExists.Replace, string payload = "{}") =>
        (await PostAsync(Entry(id, dueInMs, maxRetries, ifExists, payload))).Single();

    protected string NewToken() => $"claim-{++_claims}";

    protected Task<TimerClaim> AskAsync(
        string node = "n1", string? token = null, int max = 200, int? capacity = null, int held = 0, TimeSpan? lease = null, DeadLetterLimits? keepDeadLetters = null,
        bool yields = false, CompletedLimits? keepCompleted = null) =>
        Timers.ClaimAsync(
            Partition,
            new ClaimRequest(node, token ?? NewToken(), max, capacity ?? Math.Max(max, 200), held, lease ?? Lease, keepDeadLetters ?? KeepDeadLetters) { Yields = yields, Completed = keepCompleted ?? CompletedLimits.None },
            CancellationToken.None);

    /// <summary>A claim that leaves the node without free capacity.</summary>
    protected Task<TimerClaim> AskFullAsync(string node) => AskAsync(node, max: 0, capacity: 0);

    /// <summary>Claims one event that is due, and returns the key of the delivery.</summary>
    protected async Task<DeliveryKey> TakeAsync(string id, string node = "n1", TimeSpan? lease = null)
    {
        string token = NewToken();
        TimerClaim claim = await AskAsync(node, token, max: 1, lease: lease);
        claim.Events.Select(e => e.Id).ShouldBe([id]);
        return new DeliveryKey(id, token);
    }

    protected async Task<string[]> ClaimIdsAsync(string node = "n1", int max = 200) => [.. (await AskAsync(node, max: max)).Events.Select(e => e.Id)];

    protected async Task<TimerOutcome> ConfirmAsync(DeliveryKey key, CompletedLimits? keepCompleted = null) =>
        (await Timers.ConfirmAsync(Partition, [key], keepCompleted ?? CompletedLimits.None, CancellationToken.None)).Single();

    protected async Task<TimerOutcome> ExtendAsync(DeliveryKey key, TimeSpan lease) =>
        (await Timers.ExtendAsync(Partition, [key], lease, CancellationToken.None)).Single();

    protected async Task<TimerOutcome> ReleaseAsync(DeliveryKey key) => (await Timers.ReleaseAsync(Partition, [key], CancellationToken.None)).Single();

    protected async Task<TimerOutcome> FailAsync(
        DeliveryKey key, TimeSpan? retryIn, string error = "boom", DeadLetterReason reason = DeadLetterReason.RetriesExhausted, string node = "n1", DeadLetterLimits? keepDeadLetters = null, bool isInterruption = false) =>
        (await Timers.FailAsync(Partition, [new TimerFailure(key, node, error, retryIn, reason) { IsInterruption = isInterruption }], keepDeadLetters ?? KeepDeadLetters, CancellationToken.None)).Single();

    protected Task<TimerOutcome> CancelAsync(string id, bool revoke = false) => Timers.CancelAsync(Partition, id, revoke, CancellationToken.None);

    protected Task<TimerOutcome> ChangeDelayAsync(string id, Due due) => Timers.ChangeDelayAsync(Partition, id, due, CancellationToken.None);

    protected Task<TimerSnapshot?> PeekAsync(string id) => Timers.PeekAsync(Partition, id, CancellationToken.None);

    protected async Task<TimerOutcome> RequeueAsync(DeadLetterKey key, Due due) =>
        (await Timers.RequeueAsync(Partition, [key], due, CancellationToken.None)).Single();

    protected async Task<TimerOutcome> PurgeAsync(DeadLetterKey key) => (await Timers.PurgeAsync(Partition, [key], CancellationToken.None)).Single();

    /// <summary>The counts by state; what has happened is another matter: see <see cref="CountersAsync"/>.</summary>
    protected async Task<TimerStats> GetStatsAsync() => (await Timers.GetStatsAsync(Partition, CancellationToken.None)).WithoutCounters();

    protected async Task<TimerCounters> CountersAsync() => (await Timers.GetStatsAsync(Partition, CancellationToken.None)).Counters;

    protected Task<TimerPause> PauseAsync(string reason = "", string by = "anna") => Timers.PauseAsync(Partition, new PauseRequest(by, reason), CancellationToken.None);

    protected Task<TimerPause?> ResumeAsync() => Timers.ResumeAsync(Partition, CancellationToken.None);

    /// <summary>Every page of the upcoming events.</summary>
    protected async Task<List<TimerSnapshot>> UpcomingAsync(TimeSpan? offset = null, TimeSpan? duration = null, int limit = 200, Func<Task>? betweenPages = null)
    {
        var all = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await Timers.UpcomingAsync(Partition, offset, duration, cursor, limit, CancellationToken.None);
            page.Items.Count.ShouldBeLessThanOrEqualTo(limit);
            all.AddRange(page.Items);
            cursor = page.Cursor;
            if (cursor is not null && betweenPages is not null) await betweenPages();
        }
        while (cursor is not null);

        return all;
    }

    /// <summary>Every page of the dead letters.</summary>
    protected async Task<List<TimerSnapshot>> DeadLettersAsync(int limit = 200)
    {
        var all = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await Timers.DeadLettersAsync(Partition, cursor, limit, CancellationToken.None);
            page.Items.Count.ShouldBeLessThanOrEqualTo(limit);
            all.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        return all;
    }

    protected async Task<TimerState?> StateAsync(string id) => (await PeekAsync(id))?.State;

    /// <summary>Posts an event, lets a node fail it, and leaves it dead.</summary>
    protected async Task<TimerSnapshot> KillAsync(string id, DeadLetterReason reason = DeadLetterReason.Rejected, DeadLetterLimits? keepDeadLetters = null)
    {
        await PostAsync(id, 0);
        DeliveryKey key = await TakeAsync(id);
        (await FailAsync(key, retryIn: null, reason: reason, keepDeadLetters: keepDeadLetters)).ShouldBe(TimerOutcome.DeadLettered);
        return (await PeekAsync(id))!;
    }
}
