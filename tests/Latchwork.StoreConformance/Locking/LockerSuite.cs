using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>What the suites of the locker contract share: a store under a manual clock, a namespace of its own, and short ways to say things.</summary>
public abstract class LockerSuite(StoreFixture fixture) : IAsyncLifetime
{
    protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    protected static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(60);

    protected static readonly TimeSpan HandOver = TimeSpan.FromSeconds(2);

    protected StoreFixture Fixture { get; } = fixture;

    protected ManualTimeProvider Clock { get; } = new();

    protected LatchworkStore Store { get; private set; } = null!;

    protected ILockerStore Locks => Store.Locks;

    protected string Namespace { get; } = $"test-{Guid.NewGuid():N}";

    public virtual async Task InitializeAsync()
    {
        Store = await Fixture.OpenAsync(Clock);
        await Locks.OpenAsync(Namespace, CancellationToken.None);
    }

    public virtual async Task DisposeAsync() => await Store.DisposeAsync();

    protected static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    protected static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected LockerKey Key(string key = "k") => new(Namespace, key);

    protected Task<LockerReply> AskAsync(
        string nonce, string key = "k", string? node = null, long? waitingFor = null, bool lockOnly = false, TimeSpan? lease = null, TimeSpan? lockTimeout = null) =>
        Locks.RequestAsync(
            Key(key),
            new LockerRequest(node ?? $"node-{nonce}", nonce, lease ?? Lease, lockTimeout ?? LockTimeout, waitingFor, lockOnly),
            CancellationToken.None);

    /// <summary>Asks, and expects to be granted.</summary>
    protected async Task<long> TakeAsync(string nonce, string key = "k", TimeSpan? lease = null, TimeSpan? lockTimeout = null, bool lockOnly = false) =>
        (await AskAsync(nonce, key, lease: lease, lockTimeout: lockTimeout, lockOnly: lockOnly)).ShouldBeOfType<LockGranted>().FencingToken;

    protected Task<bool> RenewAsync(long fencingToken, string nonce, TimeSpan? lease = null) =>
        Locks.RenewAsync(Key(), fencingToken, nonce, lease ?? Lease, CancellationToken.None);

    protected Task<bool> ReleaseAsync(long? fencingToken, string nonce) => Locks.ReleaseAsync(Key(), fencingToken, nonce, CancellationToken.None);

    protected Task<PublishOutcome> PublishAsync(
        long fencingToken, string? nonce, string value = "v", double freshFor = 30, LockerOutcomeKind kind = LockerOutcomeKind.Value, TimeSpan? handOver = null) =>
        Locks.PublishAsync(
            Key(),
            new LockerPublication(fencingToken, nonce, kind, kind == LockerOutcomeKind.Null ? default : Bytes(value), Seconds(freshFor), handOver ?? HandOver),
            CancellationToken.None);

    protected Task<LockerOutcome?> GetAsync() => Locks.TryGetAsync(Key(), CancellationToken.None);

    protected Task<bool> ForgetAsync() => Locks.ForgetAsync(Key(), LockTimeout, CancellationToken.None);

    protected Task<KeySnapshot?> PeekAsync() => Locks.PeekAsync(Key(), CancellationToken.None);
}
