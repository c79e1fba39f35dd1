using Latchwork.Storage;

namespace Latchwork;

/// <content>Deliveries by id and token: for those who hold a delivery of another process, or of another language.</content>
public sealed partial class DistributedTimer
{
    /// <summary>Confirms a delivery from anywhere.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="token">The delivery's token.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for <see cref="TimerOptions.LeaseDuration"/>.</exception>
    public Task<TimerOutcome> ConfirmAsync(string id, string token, CancellationToken cancellationToken = default) => OnDeliveryAsync(
        id,
        token,
        held => held.ConfirmAsync(cancellationToken),
        (client, key, until) => _calls.ConfirmAsync(client, key, until, cancellationToken),
        cancellationToken);

    /// <summary>Makes the lease of a delivery last at least <paramref name="lease"/> from now on, from anywhere.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="token">The delivery's token.</param>
    /// <param name="lease">100 ms to 1 day.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>
    /// <see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>; on PostgreSQL also <see cref="TimerOutcome.InFlight"/>: an
    /// open transaction holds the event, so the lease was not extended, and it may be tried again.
    /// </returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for <see cref="TimerOptions.LeaseDuration"/>.</exception>
    public Task<TimerOutcome> ExtendAsync(string id, string token, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        Limits.CheckDuration(lease, Limits.MinLease, Limits.MaxDeliveryLease);
        return OnDeliveryAsync(
            id,
            token,
            held => held.ExtendAsync(lease, cancellationToken),
            async (client, key, until) => (await _calls.ExtendAsync(client, key, lease, until, cancellationToken).ConfigureAwait(false)).Outcome,
            cancellationToken);
    }

    /// <summary>Reports from anywhere that a delivery failed: a retry is spent, and the event comes again, or is dead-lettered if none is left.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="token">The delivery's token.</param>
    /// <param name="delay">When it comes again: zero to 100 years; null for the configured backoff.</param>
    /// <param name="error">What went wrong, kept with the event (1 KiB of it).</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/> (comes again), <see cref="TimerOutcome.DeadLettered"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for <see cref="TimerOptions.LeaseDuration"/>.</exception>
    public Task<TimerOutcome> RetryAsync(string id, string token, TimeSpan? delay = null, string? error = null, CancellationToken cancellationToken = default)
    {
        if (delay is { } given) Limits.CheckDuration(given, TimeSpan.Zero, Limits.MaxDelay, nameof(delay));
        return OnDeliveryAsync(
            id,
            token,
            held => held.RetryAsync(delay, error, cancellationToken),
            async (client, key, until) =>
            {
                // The backoff depends on the retries, which whoever holds only a token does not know. If they change meanwhile, the token is stale.
                int retries = delay is null && await _store.PeekAsync(client.Partition, id, cancellationToken).ConfigureAwait(false) is { } found ? found.Retries : 0;
                string text = ErrorText.Clip(error ?? "A retry was asked for.");
                var failure = new TimerFailure(key, NodeId, text, delay ?? _settings.Backoff.DelayOf(retries, Random.Shared), DeadLetterReason.RetriesExhausted);
                return await _calls.FailAsync(client, failure, until, cancellationToken).ConfigureAwait(false);
            },
            cancellationToken);
    }

    /// <summary>Gives the event of a delivery up from anywhere, whatever retries are left.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="token">The delivery's token.</param>
    /// <param name="error">Why, kept with the event (1 KiB of it).</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.DeadLettered"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for <see cref="TimerOptions.LeaseDuration"/>.</exception>
    public Task<TimerOutcome> DeadLetterAsync(string id, string token, string error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(error);
        return OnDeliveryAsync(
            id,
            token,
            held => held.DeadLetterAsync(error, DeadLetterReason.Rejected, cancellationToken),
            (client, key, until) => _calls.FailAsync(client, new TimerFailure(key, NodeId, ErrorText.Clip(error), RetryIn: null, DeadLetterReason.Rejected), until, cancellationToken),
            cancellationToken);
    }

    /// <summary>Hands the event of a delivery back from anywhere: it is due again immediately, and no retry is spent.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="token">The delivery's token.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer for <see cref="TimerOptions.LeaseDuration"/>.</exception>
    public Task<TimerOutcome> ReleaseAsync(string id, string token, CancellationToken cancellationToken = default) => OnDeliveryAsync(
        id,
        token,
        held => held.ReleaseAsync(cancellationToken),
        (client, key, until) => _calls.ReleaseAsync(client, key, until, cancellationToken),
        cancellationToken);

    /// <summary>A delivery of this node is notified, so that it is extended no more; any other is the store's affair alone.</summary>
    private Task<TimerOutcome> OnDeliveryAsync(
        string id,
        string token,
        Func<TimerDelivery, Task<TimerOutcome>> onHeld,
        Func<PartitionClient, DeliveryKey, TimeSpan, Task<TimerOutcome>> onStore,
        CancellationToken cancellationToken)
    {
        Limits.CheckId(id);
        Limits.CheckId(token);
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<TimerOutcome>(cancellationToken);
        return _membership?.Find(id) is { } held && held.Token == token
            ? onHeld(held)
            : OnPartitionAsync(id, client => onStore(client, new DeliveryKey(id, token), _settings.Clock.Now + _settings.LeaseDuration), TimerOutcome.NotFound, cancellationToken);
    }
}
