using Latchwork.Storage;

namespace Latchwork;

/// <summary>
/// The calls that end or prolong a delivery. They are idempotent by token, so they are repeated after a transient failure. An answer that a
/// repetition may have caused itself (the first attempt may have been applied, and then the token is stale) is reported as unknown.
/// </summary>
internal sealed class DeliveryCalls(ITimerStore store, TimerSettings settings)
{
    public Task<TimerOutcome> ConfirmAsync(PartitionClient client, DeliveryKey key, TimeSpan repeatUntil, CancellationToken cancellationToken) =>
        RepeatAsync(static (s, token) => s.client.Confirms.AddAsync(s.key, token), (client, key), repeatUntil, cancellationToken);

    /// <summary>Confirms before the handler runs.</summary>
    public Task<TimerOutcome> ConfirmOnDeliveryAsync(PartitionClient client, DeliveryKey key, TimeSpan repeatUntil, CancellationToken cancellationToken) =>
        RepeatAsync(static (s, token) => s.client.ConfirmsOnDelivery.AddAsync(s.key, token), (client, key), repeatUntil, cancellationToken);

    public Task<TimerOutcome> FailAsync(PartitionClient client, TimerFailure failure, TimeSpan repeatUntil, CancellationToken cancellationToken) =>
        RepeatAsync(static (s, token) => s.client.Failures.AddAsync(s.failure, token), (client, failure), repeatUntil, cancellationToken);

    public Task<TimerOutcome> ReleaseAsync(PartitionClient client, DeliveryKey key, TimeSpan repeatUntil, CancellationToken cancellationToken) =>
        RepeatAsync(static (s, token) => s.client.Releases.AddAsync(s.key, token), (client, key), repeatUntil, cancellationToken);

    /// <summary>Extends one lease.</summary>
    /// <returns>The answer, and the reading of the clock before the request that was answered was sent.</returns>
    public async Task<(TimerOutcome Outcome, TimeSpan SentAt)> ExtendAsync(
        PartitionClient client, DeliveryKey key, TimeSpan lease, TimeSpan repeatUntil, CancellationToken cancellationToken)
    {
        for (int n = 0; ; n++)
        {
            TimeSpan sentAt = settings.Clock.Now;
            TimeSpan pause = Backoff.OfStore(n);
            try
            {
                IReadOnlyList<TimerOutcome> outcomes =
                    await store.ExtendAsync(client.Partition, [key], lease, cancellationToken).ConfigureAwait(false);
                return (outcomes[0], sentAt);
            }
            catch (LatchworkStoreException e) when (CanRepeat(e) && settings.Clock.Now + pause < repeatUntil)
            {
                await Task.Delay(pause, settings.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<TimerOutcome> RepeatAsync<TState>(
        Func<TState, CancellationToken, Task<TimerOutcome>> call, TState state, TimeSpan repeatUntil, CancellationToken cancellationToken)
    {
        LatchworkStoreException? unknown = null;
        for (int n = 0; ; n++)
        {
            TimerOutcome outcome;
            try
            {
                outcome = await call(state, cancellationToken).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e)
            {
                if (e.Outcome == StoreOutcome.Unknown) unknown ??= e;
                TimeSpan pause = Backoff.OfStore(n);
                if (CanRepeat(e) && settings.Clock.Now + pause < repeatUntil)
                {
                    await Task.Delay(pause, settings.Time, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                if (unknown is null || e.Outcome == StoreOutcome.Unknown) throw;
                throw new LatchworkStoreException(
                    $"An earlier attempt may have been applied: {unknown.Message} The last one was not: {e.Message}", StoreOutcome.Unknown, e);
            }

            if (unknown is not null && outcome is (TimerOutcome.Stale or TimerOutcome.NotFound))
            {
                throw new LatchworkStoreException(
                    $"The first attempt may have been applied ({unknown.Message}); the repetition was answered '{outcome}'.",
                    StoreOutcome.Unknown,
                    unknown);
            }

            return outcome;
        }
    }

    private static bool CanRepeat(LatchworkStoreException e) => e.IsTransient || e.Outcome == StoreOutcome.Unknown;
}
