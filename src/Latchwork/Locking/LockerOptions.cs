using System.Text.Json;
using Latchwork.Configuration;
using Latchwork.Threading;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>The settings of a <see cref="ProcessLocker"/>. Checked when it is created; all failures are named together.</summary>
public sealed class LockerOptions
{
    /// <summary>The default of <see cref="Namespace"/>.</summary>
    public const string DefaultNamespace = "locker";

    /// <summary>What each of them may be.</summary>
    internal static OptionSet<LockerOptions> Set { get; } = new OptionSet<LockerOptions>(static () => new())
        .Id(nameof(Namespace), static o => o.Namespace, static (o, value) => o.Namespace = value)
        .Id(nameof(NodeId), static o => o.NodeId, static (o, value) => o.NodeId = value, whenNull: "a generated one")
        .Duration(nameof(ResultTimeout), TimeSpan.Zero, Limits.MaxDelay, static o => o.ResultTimeout, static (o, value) => o.ResultTimeout = value)
        .Duration(nameof(LockTimeout), Limits.MinLease, Limits.MaxDelay, static o => o.LockTimeout, static (o, value) => o.LockTimeout = value)
        .Duration(
            nameof(LeaseDuration),
            Limits.MinLease,
            new(Limits.MaxDelay, nameof(LockTimeout), static o => o.LockTimeout),
            static o => o.LeaseDuration,
            static (o, value) => o.LeaseDuration = value)
        .Duration(
            nameof(WaitTimeout), Limits.MinWait, Limits.MaxDelay, static o => o.WaitTimeout, static (o, value) => o.WaitTimeout = value, whenNull: nameof(LockTimeout))
        .Duration(
            nameof(FallbackPollInterval), TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), static o => o.FallbackPollInterval, static (o, value) => o.FallbackPollInterval = value)
        .Duration(nameof(StoreRetryTimeout), TimeSpan.Zero, TimeSpan.FromDays(1), static o => o.StoreRetryTimeout, static (o, value) => o.StoreRetryTimeout = value)
        .Duration(nameof(ShutdownTimeout), TimeSpan.Zero, TimeSpan.FromDays(1), static o => o.ShutdownTimeout, static (o, value) => o.ShutdownTimeout = value)
        .Bytes(nameof(MaxResultBytes), 1, Limits.MaxMaxPayloadBytes, static o => o.MaxResultBytes, static (o, value) => o.MaxResultBytes = value)
        .Flag(nameof(LogKeys), static o => o.LogKeys, static (o, value) => o.LogKeys = value)
        .Required(nameof(TimeProvider), static o => o.TimeProvider);

    /// <summary>The keys live in it: the same key in two namespaces is two keys. 1 to 512 bytes of UTF-8; default <c>locker</c>.</summary>
    public string Namespace { get; set; } = DefaultNamespace;

    /// <summary>This node's name, shown to others as the owner of its keys: 1 to 512 bytes of UTF-8. Default: null, one is generated.</summary>
    public string? NodeId { get; set; }

    /// <summary>How long a result is given to callers that come later: zero to 100 years; default 30 min. With zero only those who wait already get it.</summary>
    public TimeSpan ResultTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>The ceiling on one ownership, however well it is renewed: 100 ms to 100 years; default 60 min. Beyond it the owner has lost the key.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromMinutes(60);

    /// <summary>
    /// How long a key stays with an owner that gives no sign of life: 100 ms to <see cref="LockTimeout"/>; default 5 s. It is renewed every
    /// third of it while the owner lives, so this is not a limit on the work but the time after which another node takes over from a dead one.
    /// </summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a caller waits before it gets a <see cref="LockTimeoutException"/>: 1 ms to 100 years. Default: null, as long as <see cref="LockTimeout"/>.</summary>
    public TimeSpan? WaitTimeout { get; set; }

    /// <summary>
    /// How often a node that waits for a key polls it in case a notification was lost: 10 ms to 1 day; default 1 s. An outcome that is meant
    /// for those who wait is handed over for twice this time.
    /// </summary>
    public TimeSpan FallbackPollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a store that does not answer is asked again before a call fails that waited, or worked, before the outage: zero to 1 day; default 30 s. A call that
    /// begins while the store does not answer fails after 2 s (or this time, if it is shorter), plus the time of the last attempt.
    /// </summary>
    public TimeSpan StoreRetryTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long work that was cancelled may take to end while its key is still kept from others: zero to 1 day; default 5 s. The key of work
    /// that continues regardless is renewed no more, and its lease runs out.
    /// </summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The largest result accepted, in bytes: 1 to 256 MiB; default 1 MiB.</summary>
    public int MaxResultBytes { get; set; } = Limits.DefaultMaxPayloadBytes;

    /// <summary>How results are written and read by the generic methods. Default: null, the web defaults of <see cref="JsonSerializerOptions"/>.</summary>
    public JsonSerializerOptions? SerializerOptions { get; set; }

    /// <summary>Whether logs above level Debug have keys. Default: false, as keys may be your users' data.</summary>
    public bool LogKeys { get; set; }

    /// <summary>Where to log. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>
    /// The clock for waits and local deadlines. Default: <see cref="TimeProvider.System"/>, whose timestamps are then taken from a clock that counts the time that the
    /// machine was suspended, where there is one (docs/time.md). Leases are the store's affair.
    /// </summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>A copy that was checked, which nobody can change any more. Its time is one that counts suspension, where there is one.</summary>
    /// <exception cref="ArgumentException">Something is wrong; all of it is named.</exception>
    internal LockerOptions CheckedCopy()
    {
        Set.Check(this, "The settings of the locker are not valid", "options");
        var copy = (LockerOptions)MemberwiseClone();
        copy.TimeProvider = LeaseTime.For(TimeProvider);
        return copy;
    }
}
