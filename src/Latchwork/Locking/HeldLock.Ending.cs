using System.Data.Common;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Locking;

/// <content>The two ways to end an ownership by will. One at a time; the second finds that it is over.</content>
internal sealed partial class HeldLock
{
    private readonly SemaphoreSlim _ending = new(1, 1);
    private int _publications; // how often the publication under way was sent

    /// <summary>Publishes an outcome. Repeated until it is answered, as long as the lock is believed in.</summary>
    /// <param name="value">The outcome.</param>
    /// <param name="freshFor">How long it is given to later callers.</param>
    /// <param name="original">The exception behind a failure; null if there is none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="isForUser">Whether code of a user continues with the answer: not on a thread for which others wait.</param>
    /// <exception cref="LatchworkStoreException">No answer came, or an answer to a repetition that proves nothing; or it was accepted, but too few replicas have it.</exception>
    public async Task<PublishOutcome> PublishAsync(
        RunValue value,
        TimeSpan freshFor,
        Exception? original,
        CancellationToken cancellationToken,
        bool isForUser = false)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_ending.Wait(0, CancellationToken.None)) await _ending.WaitAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
        try
        {
            lock (_gate)
            {
                if (!HoldsLease) return PublishOutcome.Superseded;
                _publishing = true;
            }

            // Whoever asks from here on may do so after the store has published: it has to ask the store.
            long ticket = Flight?.LastTicket ?? 0;
            var publication = new LockerPublication(FencingToken, _nonce, value.Kind, value.Data, freshFor, _core.HandOver);
            _publications = 0;
            LatchworkStoreException? notReplicated = null;
            PublishOutcome outcome;
            try
            {
                long start = _core.Clock.Now;
                try
                {
                    outcome = await SendAsync(publication, cancellationToken).ConfigureAwait(false);
                }
                catch (LatchworkStoreException e) when (_core.CanRepeat(e, start) && IsHeld)
                {
                    outcome = await SendAgainAsync(publication, start, e, cancellationToken).ConfigureAwait(false);
                }
            }
            catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotReplicated)
            {
                outcome = PublishOutcome.Accepted;
                notReplicated = e;
            }

            if (outcome == PublishOutcome.Accepted)
            {
                if (value.Kind == LockerOutcomeKind.Failure) _core.Counter.Failed();
                ReadOnlyMemory<byte> data = value.IsBorrowed && Flight is { Count: > 0 } ? value.Data.ToArray() : value.Data;
                var published = new LockerOutcome(FencingToken, value.Kind, data, freshFor > TimeSpan.Zero, TimeSpan.Zero);
                End(new LockEnding(LockEnd.Published, published, original, ticket));
                return notReplicated is null ? outcome : throw notReplicated;
            }

            End(new LockEnding(LockEnd.Superseded));
            if (_publications == 1) return outcome;
            throw new LatchworkStoreException(
                "The publication was repeated because its answer was lost, and the key is not this owner's any more: it may or may not have been accepted before.",
                StoreOutcome.Unknown);
        }
        finally
        {
            EndPublishing();
            _ending.Release();
            if (isForUser && (CallerThread.IsShared || cancellationToken.IsCancellationRequested)) await CallerThread.Yield(); // or the thread is the canceller's
        }
    }

    /// <summary>
    /// Publishes an outcome in a transaction of the application. From then on the key is this owner's no more, as far as this process is concerned: the
    /// commit frees it, and after a rollback its release does, or the end of its lease.
    /// </summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="value">The outcome.</param>
    /// <param name="freshFor">How long it is given to later callers.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <exception cref="LeaseLostException">The lease is over.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public async Task PublishInAsync(DbTransaction transaction, RunValue value, TimeSpan freshFor, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ILockerTransactions transactions = _core.Transactions();
        await _ending.WaitAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
        try
        {
            lock (_gate)
            {
                if (!HoldsLease) throw LeaseIsLost();
                _publishing = true; // and what a renewal finds, which waits for the row, decides nothing
            }

            // The lease is made full, so that the commit has that long; it is not renewed after the statement, which locks the row.
            long sent = _core.Clock.Now;
            bool isOurs = await _core.RepeatAsync(
                () =>
                {
                    sent = _core.Clock.Now;
                    return _core.Store.RenewAsync(_core.KeyOf(Key), FencingToken, _nonce, _core.Options.LeaseDuration, CancellationToken.None);
                },
                () => IsHeld,
                cancellationToken).OffStoreThread().ConfigureAwait(false);
            lock (_gate)
            {
                if (!HoldsLease) throw LeaseIsLost(); // it ran out meanwhile
                if (isOurs) SetLeaseExpiry(sent);
                _inTransaction = true;
            }

            // Those who wait can have it only after the commit, for which there is as much time as the lease has.
            TimeSpan handOver = _core.HandOver + _core.Options.LeaseDuration;
            var publication = new LockerPublication(FencingToken, _nonce, value.Kind, value.Data, freshFor, handOver);
            PublishOutcome outcome = isOurs
                ? await transactions.PublishAsync(transaction, _core.KeyOf(Key), publication, cancellationToken).ConfigureAwait(false)
                : PublishOutcome.Superseded;
            if (outcome != PublishOutcome.Accepted)
            {
                End(new LockEnding(LockEnd.Superseded));
                throw LeaseIsLost();
            }

            lock (_gate) _leaving = true;
        }
        finally
        {
            lock (_gate) _inTransaction = false;
            EndPublishing();
            _ending.Release();
        }
    }

    private LeaseLostException LeaseIsLost() => new(
        $"The key '{Key}' of '{_core.Options.Namespace}' is no longer this owner's: its lease ran out, or it was taken over, forgotten or published. Roll the transaction back.");

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
                    () => _core.Store.ReleaseAsync(_core.KeyOf(Key), FencingToken, _nonce, CancellationToken.None),
                    () => _core.Clock.Now < _leaseExpiry,
                    CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            _core.Log.ReleaseFailed(e, _core.Shown(Key), _core.Options.Namespace);
        }
        finally
        {
            End(new LockEnding(LockEnd.Released));
            _ending.Release();
        }
    }

    private Task<PublishOutcome> SendAgainAsync(LockerPublication publication, long start, LatchworkStoreException fault, CancellationToken cancellationToken) =>
        _core.RepeatAsync(() => SendAsync(publication, cancellationToken), () => IsHeld, start, fault, cancellationToken);

    private Task<PublishOutcome> SendAsync(LockerPublication publication, CancellationToken cancellationToken)
    {
        _publications++;
        return _core.Store.PublishAsync(_core.KeyOf(Key), publication, cancellationToken);
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
