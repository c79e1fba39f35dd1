using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork;

/// <summary>One delivery of an event to this node, held under a lease.</summary>
public sealed class TimerDelivery
{
    /// <summary>The event's id.</summary>
    public string Id => throw new NotImplementedException();

    /// <summary>The namespace it came from.</summary>
    public string Namespace => throw new NotImplementedException();

    /// <summary>Its bytes, as they were posted.</summary>
    public ReadOnlyMemory<byte> Payload => throw new NotImplementedException();

    /// <summary>Its headers; empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Headers => throw new NotImplementedException();

    /// <summary>The retries spent before this delivery: 0 on the first.</summary>
    public int Retries => throw new NotImplementedException();

    /// <summary>The retries that the event has in all.</summary>
    public int MaxRetries => throw new NotImplementedException();

    /// <summary>When it was due, by the store's clock.</summary>
    public DateTimeOffset Due => throw new NotImplementedException();

    /// <summary>How late the handler was called: by the store's clock until the claim, plus the time waited on this node. Never negative.</summary>
    public TimeSpan Lateness => throw new NotImplementedException();

    /// <summary>The token of this delivery. Whoever knows it can confirm.</summary>
    public string Token => throw new NotImplementedException();

    /// <summary>How long this node may still believe that it holds the event; zero when the lease is lost.</summary>
    public TimeSpan LeaseLeft => throw new NotImplementedException();

    /// <summary>Fires when the lease is lost, the event is revoked or replaced, or the node leaves and the handler overruns.</summary>
    public CancellationToken Stopping => throw new NotImplementedException();

    /// <summary>Reads the payload as JSON.</summary>
    /// <typeparam name="T">The type to read.</typeparam>
    /// <returns>The value; null if the payload is the JSON literal.</returns>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public T? Read<T>() => throw new NotImplementedException();

    /// <summary>Reads the payload as JSON, without reflection.</summary>
    /// <typeparam name="T">The type to read.</typeparam>
    /// <param name="typeInfo">How to read it.</param>
    /// <returns>The value; null if the payload is the JSON literal.</returns>
    public T? Read<T>(JsonTypeInfo<T> typeInfo) => throw new NotImplementedException();

    /// <summary>Confirms: the event is gone. What the handler does afterwards (return or throw) changes nothing.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> if it is no longer this node's.</returns>
    public Task<TimerOutcome> ConfirmAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Spends a retry: the event comes again after <paramref name="delay"/>, or dies if none is left.</summary>
    /// <param name="delay">Zero to 100 years; null for the configured backoff.</param>
    /// <param name="error">What went wrong, kept with the event (1 KiB of it).</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns><see cref="TimerOutcome.Done"/> (comes again), <see cref="TimerOutcome.Dead"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    public Task<TimerOutcome> RetryAsync(TimeSpan? delay = null, string? error = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Gives the event up at once, whatever retries are left.</summary>
    /// <param name="error">Why, kept with the event (1 KiB of it).</param>
    /// <param name="reason">The reason to list it under. Default: <see cref="DeadReason.Rejected"/>.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns><see cref="TimerOutcome.Dead"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    public Task<TimerOutcome> DeadAsync(string error, DeadReason reason = DeadReason.Rejected, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Makes the lease last at least <paramref name="lease"/> from now on. Needed only with <see cref="Confirmation.Manual"/> after the handler has returned.</summary>
    /// <param name="lease">100 ms to 1 day.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> if it is no longer this node's.</returns>
    public Task<TimerOutcome> ExtendAsync(TimeSpan lease, CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
