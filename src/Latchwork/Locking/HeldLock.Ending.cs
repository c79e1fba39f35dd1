using Latchwork.Storage;

namespace Latchwork.Locking;

/// <content>The two ways to end an ownership by will. One at a time; the second finds that it is over.</content>
internal sealed partial class HeldLock
{
    private readonly SemaphoreSlim _ending = new(1, 1);

    /// <summary>Publishes an outcome. Repeated until it is answered, as long as the lock is believed in.</summary>
    /// <exception cref="LatchworkStoreException">No answer came, or an answer to a repetition that proves nothing; or it was accepted, but too few replicas have it.</exception>
    public async Task<PublishOutcome> PublishAsync(
        RunValue value,
        TimeSpan freshFor,
        Exception? original,
        CancellationToken cancellationToken)
    {
        await _ending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            lock (_gate)
            {
                if (!HoldsLease) return PublishOutcome.Superseded;
                _publishing = true;
            }

            // Whoever asks from here on may do so after the store has published: it has to ask the store.
            long ticket = LastTicket();
            var publication = new LockerPublication(FencingToken, _nonce, value.Kind, value.Data, freshFor, _core.HandOver);
            int attempts = 0;
            LatchworkStoreException? notReplicated = null;
            PublishOutcome outcome;
            try
            {
                outcome = await _core.RepeatAsync(
                    attempt =>
                    {
                        attempts = attempt;
                        return _core.Store.PublishAsync(_core.KeyOf(Key), publication, cancellationToken);
                    },
                    () => IsHeld,
                    cancellationToken).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotReplicated)
            {
                outcome = PublishOutcome.Accepted;
                notReplicated = e;
            }

            if (outcome == PublishOutcome.Accepted)
            {
                var published = new LockerOutcome(FencingToken, value.Kind, value.Data, freshFor > TimeSpan.Zero, TimeSpan.Zero);
                End(new LockEnding(LockEnd.Published, published, original, ticket));
                return notReplicated is null ? outcome : throw notReplicated;
            }

            End(new LockEnding(LockEnd.Superseded));
            if (attempts == 0) return outcome;
            throw new LatchworkStoreException(
                "The publication was repeated because its answer was lost, and the key is not this owner's any more: it may or may not have been accepted before.",
                StoreOutcome.Unknown);
        }
        finally
        {
            EndPublishing();
            _ending.Release();
        }
    }

    /// <summary>Frees the key without an outcome. Never throws: a key that cannot be released is left to its lease.</summary>
    /// <param name="lost">Whether its holder did not ask for it, and is to be told.</param>
    public async Task ReleaseAsync(bool lost = false)
    {
        await _ending.WaitAsync().ConfigureAwait(false);
        try
        {
            lock (_gate)
            {
                if (_over) return;
                _leaving = true;
            }

            if (lost)
            {
                Fire(_lost);
                Fire(_work);
            }

            if (!_core.IsAbandoned)
            {
                await _core.RepeatAsync(
                    _ => _core.Store.ReleaseAsync(_core.KeyOf(Key), FencingToken, _nonce, CancellationToken.None),
                    () => _core.Clock.Now < _leaseExpiry,
                    CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            _core.Log.ReleaseFailed(e);
        }
        finally
        {
            End(new LockEnding(LockEnd.Released));
            _ending.Release();
        }
    }

    private void EndPublishing()
    {
        lock (_gate)
        {
            _publishing = false;
            if (_over) return;
            _renewAt = Math.Min(_renewAt, _core.Clock.Now); // look immediately whether the key is still ours
        }

        OnAlarm();
    }
}
