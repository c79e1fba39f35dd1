using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>What the tests of the locker on Redis share: a server of their own, a store on it, and short ways to say things.</summary>
public abstract class LockerTest(params string[] serverArguments) : IAsyncLifetime
{
    protected const string Namespace = "jobs";

    protected static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    protected static readonly TimeSpan LockTimeout = TimeSpan.FromMinutes(60);

    protected RedisServer Server { get; private set; } = null!;

    protected RedisStore Store { get; private set; } = null!;

    protected ILockerStore Locks => Store.Locks;

    public virtual async Task InitializeAsync()
    {
        Server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true, Arguments = serverArguments });
        Store = await RedisStore.ConnectAsync(Server.LenientUri);
        await Locks.OpenAsync(Namespace, CancellationToken.None);
    }

    public virtual async Task DisposeAsync()
    {
        await Store.DisposeAsync();
        await Server.DisposeAsync();
    }

    protected static LockerKey Key(string key) => new(Namespace, key);

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>The name in Redis of a part of a key whose text needs no encoding.</summary>
    protected static string Name(string key, string part) => $"lw:{{l:{Namespace}:{key}}}:{part}";

    protected static LockerRequest Ask(
        string nonce, string node = "node", TimeSpan? lease = null, TimeSpan? lockTimeout = null, long? waitingFor = null, bool lockOnly = false) =>
        new(node, nonce, lease ?? Lease, lockTimeout ?? LockTimeout, waitingFor, lockOnly);

    protected Task<LockerReply> RequestAsync(string key, LockerRequest request) => Locks.RequestAsync(Key(key), request, CancellationToken.None);

    /// <summary>Takes a lock that must be free.</summary>
    /// <returns>Its fencing token.</returns>
    protected async Task<long> TakeAsync(string key, string nonce = "nonce", TimeSpan? lease = null, TimeSpan? lockTimeout = null) =>
        Assert.IsType<LockGranted>(await RequestAsync(key, Ask(nonce, lease: lease, lockTimeout: lockTimeout, lockOnly: true))).FencingToken;

    protected Task<bool> RenewAsync(string key, long fencingToken, string nonce = "nonce", TimeSpan? lease = null) =>
        Locks.RenewAsync(Key(key), fencingToken, nonce, lease ?? Lease, CancellationToken.None);

    protected Task<bool> ReleaseAsync(string key, long fencingToken, string nonce = "nonce") =>
        Locks.ReleaseAsync(Key(key), fencingToken, nonce, CancellationToken.None);

    protected Task<PublishOutcome> PublishAsync(
        string key, long fencingToken, string result = "result", string? nonce = "nonce", TimeSpan? freshFor = null, TimeSpan? handOverFor = null) =>
        PublishAsync(key, fencingToken, Bytes(result), nonce, freshFor, handOverFor);

    protected Task<PublishOutcome> PublishAsync(
        string key, long fencingToken, byte[] result, string? nonce = "nonce", TimeSpan? freshFor = null, TimeSpan? handOverFor = null) =>
        Locks.PublishAsync(
            Key(key),
            new LockerPublication(
                fencingToken, nonce, LockerOutcomeKind.Value, result, freshFor ?? TimeSpan.FromMinutes(1), handOverFor ?? TimeSpan.FromSeconds(2)),
            CancellationToken.None);

    protected Task<LockerOutcome?> TryGetAsync(string key) => Locks.TryGetAsync(Key(key), CancellationToken.None);

    protected Task<IAsyncDisposable> SubscribeAsync(string key, Action onNotified) => Locks.SubscribeAsync(Key(key), _ => onNotified(), CancellationToken.None);

    /// <summary>Asks in vain, so that the key is known to be waited for.</summary>
    protected async Task WaitForAsync(string key) => Assert.IsType<LockHeld>(await RequestAsync(key, Ask("waiter", lockOnly: true)));

    protected async Task<List<KeySnapshot>> ListAsync(string ns = Namespace, int limit = 200, Action<LockerPage>? onPage = null)
    {
        var all = new List<KeySnapshot>();
        string? cursor = null;
        do
        {
            LockerPage page = await Locks.ListAsync(ns, cursor, limit, CancellationToken.None);
            onPage?.Invoke(page);
            all.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        return all;
    }
}
