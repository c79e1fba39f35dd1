using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Storage;

namespace Latchwork;

/// <summary>One delivery of an event to this node, held under a lease.</summary>
public sealed partial class TimerDelivery
{
    private ClaimedEvent _event;
    private readonly LeaseHolder _holder;
    private TimeSpan _startedAt;

    internal TimerDelivery(LeaseHolder holder, PartitionClient client, ClaimedEvent claimed, string token, TimeSpan receivedAt, TimeSpan deadline)
    {
        _holder = holder;
        _event = claimed;
        ReceivedAt = QueuedAt = receivedAt;
        _startedAt = receivedAt;
        _deadline = deadline.Ticks;
        Client = client;
        Token = token;
    }

    /// <summary>The event's id.</summary>
    public string Id => _event.Id;

    /// <summary>The namespace it came from.</summary>
    public string Namespace => Client.Partition.Namespace;

    /// <summary>Its bytes, as they were posted.</summary>
    public ReadOnlyMemory<byte> Payload => _event.Payload;

    /// <summary>Its headers; empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Headers => _event.Headers;

    /// <summary>The retries spent before this delivery: 0 on the first.</summary>
    public int Retries => _event.Retries;

    /// <summary>The retries that the event has in all.</summary>
    public int MaxRetries => _event.MaxRetries;

    /// <summary>When it was due, by the store's clock.</summary>
    public DateTimeOffset Due => _event.Due;

    /// <summary>Of which schedule it is an occurrence, and for when; null if it is none.</summary>
    public OccurrenceInfo? Occurrence => ScheduleDeclaration.InfoOf(Id, Headers, Due);

    /// <summary>How late the handler was called: by the store's clock until the claim, plus the time waited on this node. Never negative.</summary>
    public TimeSpan Lateness => _event.Lateness + (_startedAt - ReceivedAt);

    /// <summary>The token of this delivery. Whoever knows it can confirm.</summary>
    public string Token { get; }

    /// <summary>How long this node still holds the lease of the event; zero when the lease is lost or the delivery has ended.</summary>
    public TimeSpan LeaseLeft
    {
        get
        {
            TimeSpan left = Deadline - _holder.Now;
            return IsOver || left < TimeSpan.Zero ? TimeSpan.Zero : left;
        }
    }

    /// <summary>
    /// The handler's token. Fires when the node begins to leave, or when the event is no longer this node's: the lease is lost, or the event was
    /// revoked or replaced. <see cref="StopReason"/> says which.
    /// </summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>
    /// For handlers that want to finish what they began although the node leaves: fires when the event is no longer this node's, or when
    /// <see cref="TimerOptions.ShutdownTimeout"/> is over. Whoever has not ended two seconds later is left behind.
    /// </summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Why <see cref="Stopping"/> has fired.</summary>
    public StopReason StopReason => (StopReason)Volatile.Read(ref _stopReason);

    /// <summary>Reads the payload as JSON.</summary>
    /// <typeparam name="T">The type to read.</typeparam>
    /// <returns>The value; null if the payload is the JSON literal.</returns>
    /// <exception cref="System.Text.Json.JsonException">The payload is no JSON, or not of this type.</exception>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public T? Read<T>() => PayloadSerializer.Read<T>(Payload, _holder.Settings.Json);

    /// <summary>Reads the payload as JSON, without reflection.</summary>
    /// <typeparam name="T">The type to read.</typeparam>
    /// <param name="typeInfo">How to read it.</param>
    /// <returns>The value; null if the payload is the JSON literal.</returns>
    /// <exception cref="System.Text.Json.JsonException">The payload is no JSON, or not of this type.</exception>
    public T? Read<T>(JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return PayloadSerializer.Read(Payload, typeInfo);
    }

    /// <summary>Confirms: the event is gone. What the handler does afterwards (return or throw) changes nothing.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> if it is no longer this node's.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for as long as the lease lasted.</exception>
    public Task<TimerOutcome> ConfirmAsync(CancellationToken cancellationToken = default) => Decide(failure: null, cancellationToken);

    /// <summary>
    /// Confirms in a transaction of the handler, on the store's database: the handler's writes and the confirmation are committed together, or neither
    /// is. So an effect in that database happens exactly once. Commit before the handler returns; what follows the commit must not throw.
    /// </summary>
    /// <remarks>
    /// The lease is made full before, and is not extended after this call: commit within <see cref="TimerOptions.LeaseDuration"/>, or the token of the
    /// delivery fires. As long as the transaction is open nobody else can take the event. If it is rolled back, throw: the attempt counts as failed.
    /// </remarks>
    /// <param name="transaction">The transaction. It is neither committed nor rolled back.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>A task that ends when the confirmation is a part of the transaction.</returns>
    /// <exception cref="LeaseLostException">The event is no longer this node's: roll the transaction back.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application: only the PostgreSQL store can.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public Task ConfirmAsync(System.Data.Common.DbTransaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return ConfirmInAsync(transaction, cancellationToken);
    }

    /// <summary>Spends a retry: the event comes again after <paramref name="delay"/>, or is dead-lettered if none is left.</summary>
    /// <param name="delay">Zero to 100 years; null for the configured backoff.</param>
    /// <param name="error">What went wrong, kept with the event (1 KiB of it).</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/> (comes again), <see cref="TimerOutcome.DeadLettered"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for as long as the lease lasted.</exception>
    public Task<TimerOutcome> RetryAsync(TimeSpan? delay = null, string? error = null, CancellationToken cancellationToken = default)
    {
        if (delay is { } given) Limits.CheckDuration(given, TimeSpan.Zero, Limits.MaxDelay, nameof(delay));
        return Decide(FailureOf(error ?? "A retry was asked for.", delay), cancellationToken);
    }

    /// <summary>Gives the event up immediately, whatever retries are left.</summary>
    /// <param name="error">Why, kept with the event (1 KiB of it).</param>
    /// <param name="reason">The reason to list it under. Default: <see cref="DeadLetterReason.Rejected"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.DeadLettered"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for as long as the lease lasted.</exception>
    public Task<TimerOutcome> DeadLetterAsync(string error, DeadLetterReason reason = DeadLetterReason.Rejected, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        if (!Enum.IsDefined(reason))
        {
            throw new ArgumentOutOfRangeException(nameof(reason), reason, $"'reason' must be one of its named values; it is {(int)reason}.");
        }

        return Decide(new TimerFailure(Key, _holder.Settings.NodeId, ErrorText.Clip(error), RetryIn: null, reason), cancellationToken);
    }

    /// <summary>Hands the event back: it is due again immediately, for any node, and no retry is spent.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> if it is no longer this node's.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for as long as the lease lasted.</exception>
    public Task<TimerOutcome> ReleaseAsync(CancellationToken cancellationToken = default) => Refusal() is { } refusal
        ? Task.FromResult(refusal)
        : Decide(ReleaseAsync(DecisionBound, cancellationToken));

    /// <summary>Makes the lease last at least <paramref name="lease"/> from now on. Needed only with <see cref="Confirmation.Manual"/> after the handler has returned.</summary>
    /// <param name="lease">100 ms to 1 day.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>
    /// <see cref="TimerOutcome.Done"/>, or <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> if it is no longer this node's; on PostgreSQL also
    /// <see cref="TimerOutcome.InFlight"/>: an open transaction holds the event, so the lease was not extended, and it may be tried again.
    /// </returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for as long as the lease lasted.</exception>
    public Task<TimerOutcome> ExtendAsync(TimeSpan lease, CancellationToken cancellationToken = default)
    {
        Limits.CheckDuration(lease, Limits.MinLease, Limits.MaxDeliveryLease);
        return ExtendCoreAsync(lease, cancellationToken);
    }

    /// <summary>The report of a failure of this delivery.</summary>
    internal TimerFailure FailureOf(string error, TimeSpan? delay) => new(
        Key,
        _holder.Settings.NodeId,
        ErrorText.Clip(error),
        delay ?? _holder.Settings.Backoff.DelayOf(Retries, Random.Shared),
        DeadLetterReason.RetriesExhausted);
}
