using System.Text.Json;
using Latchwork.Configuration;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>The settings of a <see cref="DistributedTimer"/>. Checked when it is created; all failures are named together.</summary>
public sealed class TimerOptions
{
    /// <summary>The default of <see cref="Namespace"/>.</summary>
    public const string DefaultNamespace = "dt";

    /// <summary>The default of <see cref="MaxEvents"/>.</summary>
    public const int DefaultMaxEvents = 200;

    /// <summary>The default of <see cref="MaxInFlight"/>.</summary>
    public const int DefaultMaxInFlight = 512;

    /// <summary>The default of <see cref="MaxConcurrency"/>, unless <see cref="MaxInFlight"/> is less.</summary>
    public const int DefaultMaxConcurrency = 64;

    /// <summary>The default of <see cref="MaxRetries"/>.</summary>
    public const int DefaultMaxRetries = 10;

    private const int MostDeadLetters = 100_000_000;
    private const int MostInFlight = 100_000;

    /// <summary>What each of them may be.</summary>
    internal static OptionSet<TimerOptions> Set { get; } = new OptionSet<TimerOptions>(static () => new())
        .Id(nameof(Namespace), static o => o.Namespace, set: null)
        .Id(nameof(NodeId), static o => o.NodeId, static (o, value) => o.NodeId = value, whenNull: "a generated one")
        .Number(nameof(MaxEvents), 1, Limits.MaxBatch, static o => o.MaxEvents, static (o, value) => o.MaxEvents = value)
        .Number(nameof(MaxInFlight), 1, MostInFlight, static o => o.MaxInFlight, static (o, value) => o.MaxInFlight = value)
        .Number(
            nameof(MaxConcurrency), 1, MostInFlight, static o => o.MaxConcurrency, static (o, value) => o.MaxConcurrency = value, whenNull: $"{DefaultMaxConcurrency}, or {nameof(MaxInFlight)} if that is less")
        .Duration(nameof(LeaseDuration), Limits.MinLease, Limits.MaxDeliveryLease, static o => o.LeaseDuration, static (o, value) => o.LeaseDuration = value)
        .Duration(nameof(MaxHandlingTime), Limits.MinLease, TimeSpan.FromDays(30), static o => o.MaxHandlingTime, static (o, value) => o.MaxHandlingTime = value)
        .Choice<Confirmation>(nameof(Confirmation), static o => o.Confirmation, static (o, value) => o.Confirmation = value)
        .Number(nameof(MaxRetries), 0, Limits.MaxRetries, static o => o.MaxRetries, static (o, value) => o.MaxRetries = value)
        .Required(nameof(Backoff), static o => o.Backoff)
        .Duration("Backoff.Initial", TimeSpan.Zero, Limits.MaxDelay, static o => o.Backoff?.Initial, static (o, value) => o.Backoff = (o.Backoff ?? new()) with { Initial = value })
        .Duration("Backoff.Max", TimeSpan.Zero, Limits.MaxDelay, static o => o.Backoff?.Max, static (o, value) => o.Backoff = (o.Backoff ?? new()) with { Max = value })
        .Number("Backoff.Factor", 1.0, 100, static o => o.Backoff?.Factor, static (o, value) => o.Backoff = (o.Backoff ?? new()) with { Factor = value })
        .Number("Backoff.Jitter", 0.0, 1, static o => o.Backoff?.Jitter, static (o, value) => o.Backoff = (o.Backoff ?? new()) with { Jitter = value })
        .Duration(nameof(ShutdownTimeout), TimeSpan.Zero, TimeSpan.FromDays(1), static o => o.ShutdownTimeout, static (o, value) => o.ShutdownTimeout = value)
        .Bytes(nameof(MaxPayloadBytes), 1, Limits.MaxMaxPayloadBytes, static o => o.MaxPayloadBytes, static (o, value) => o.MaxPayloadBytes = value)
        .Duration(nameof(DeadLetterRetention), TimeSpan.FromSeconds(1), Limits.MaxDelay, static o => o.DeadLetterRetention, static (o, value) => o.DeadLetterRetention = value)
        .Number(nameof(MaxDeadLetters), 0, MostDeadLetters, static o => o.MaxDeadLetters, static (o, value) => o.MaxDeadLetters = value)
        .Duration(
            nameof(CompletedRetention), TimeSpan.FromSeconds(1), Limits.MaxDelay, static o => o.CompletedRetention, static (o, value) => o.CompletedRetention = value, orZero: true)
        .Flag(nameof(LogPayloads), static o => o.LogPayloads, static (o, value) => o.LogPayloads = value)
        .Required(nameof(TimeProvider), static o => o.TimeProvider);

    /// <summary>The <see cref="CompletedRetention"/> of timers that a host registers, unless they say otherwise: 1 day.</summary>
    public static readonly TimeSpan HostedCompletedRetention = TimeSpan.FromDays(1);

    /// <summary>The kind of event: nodes join the namespaces that they can handle. 1 to 512 bytes of UTF-8; default <c>dt</c>.</summary>
    public string Namespace { get; set; } = DefaultNamespace;

    /// <summary>This node's id: 1 to 512 bytes of UTF-8, unique among the nodes of the namespace. Default: null, one is generated.</summary>
    public string? NodeId { get; set; }

    /// <summary>The most events that one claim takes: 1 to 200; default 200. Can be changed while listening through <see cref="DistributedTimer.MaxEvents"/>.</summary>
    public int MaxEvents { get; set; } = DefaultMaxEvents;

    /// <summary>
    /// The most events that this node holds at a time, queued or running: 1 to 100,000; default 512. In a namespace with several partitions one claim takes at most an
    /// equal share of it.
    /// </summary>
    public int MaxInFlight { get; set; } = DefaultMaxInFlight;

    /// <summary>
    /// The most handlers that run at a time: 1 to 100,000. Default: null, 64, or <see cref="MaxInFlight"/> if that is less. The node claims for those that are free, and ahead of
    /// them only what will start within 20 ms, by the measured time of handling.
    /// </summary>
    public int? MaxConcurrency { get; set; }

    /// <summary>
    /// The lease of a delivery: 100 ms to 1 day; default 10 s. It is extended while the event is queued or handled, so this is not a limit on
    /// handling but the time after which the events of a dead node go to others.
    /// </summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a handler may run before its lease is extended no more: 100 ms to 30 days; default 30 min.</summary>
    public TimeSpan MaxHandlingTime { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>When a delivery counts as handled. Default: <see cref="Confirmation.AfterHandler"/>.</summary>
    public Confirmation Confirmation { get; set; } = Confirmation.AfterHandler;

    /// <summary>
    /// The attempts after the first of events whose post does not say: 0 to 1,000,000; default 10. With 0 there is one attempt, and if it fails, or its node
    /// dies, the event is dead-lettered.
    /// </summary>
    public int MaxRetries { get; set; } = DefaultMaxRetries;

    /// <summary>The delay before a retry. Default: 1 s × 2ⁿ, at most 10 min, ± 20 %.</summary>
    public RetryBackoff Backoff { get; set; } = new();

    /// <summary>
    /// How long <see cref="DistributedTimer.LeaveAsync"/>, which fires the handlers' tokens immediately, lets them finish all the same: zero to 1 day;
    /// default 15 s. Two seconds later it ends whatever they do. In a host the end of the host's own shutdown time (30 s by default) ends it, too.
    /// </summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The largest payload accepted, in bytes: 1 to 256 MiB; default 1 MiB.</summary>
    public int MaxPayloadBytes { get; set; } = Limits.DefaultMaxPayloadBytes;

    /// <summary>How long a dead letter is kept: 1 s to 100 years; default 30 days.</summary>
    public TimeSpan DeadLetterRetention { get; set; } = TimeSpan.FromDays(30);

    /// <summary>The most dead letters that are kept in a partition: 0 to 100,000,000; default 100,000. The oldest go first.</summary>
    public int MaxDeadLetters { get; set; } = 100_000;

    /// <summary>
    /// How long what this node confirms is kept as completed, to answer when and where an event was handled: zero, or 1 s to 100 years. Default: zero, nothing is kept;
    /// of timers that a host registers 1 day. Kept are due time, when it was claimed and confirmed, node, retries and outcome; no payload. A namespace keeps the last
    /// 10,000, each id once; of several partitions each keeps its share. See <see cref="DistributedTimer.CompletedAsync"/>.
    /// </summary>
    public TimeSpan CompletedRetention { get; set; }

    /// <summary>How payloads are written and read by the generic methods. Default: null, the web defaults of <see cref="JsonSerializerOptions"/>.</summary>
    public JsonSerializerOptions? SerializerOptions { get; set; }

    /// <summary>Where to log. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>
    /// Whether the log has the payload (its first 1 KiB) of an event whose attempt failed. Default: false, as payloads are your users' data. The ids of
    /// events are logged in any case.
    /// </summary>
    public bool LogPayloads { get; set; }

    /// <summary>
    /// The clock for waits and local deadlines. Default: <see cref="TimeProvider.System"/>, whose timestamps are then taken from a clock that counts the time that the
    /// machine was suspended, where there is one (docs/time.md). Due times are the store's affair.
    /// </summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>For programs that look after a namespace for others: nothing is evicted, as how many dead letters there may be is the affair of the application that listens.</summary>
    internal TimerOptions KeepDeadLetters()
    {
        DeadLetterRetention = Limits.MaxDelay;
        MaxDeadLetters = MostDeadLetters;
        return this;
    }

    internal TimerOptions Copy() => (TimerOptions)MemberwiseClone();
}
