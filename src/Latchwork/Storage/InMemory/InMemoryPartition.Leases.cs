using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <content>Claiming, and what ends or prolongs a delivery.</content>
internal sealed partial class InMemoryPartition
{
    public TimerClaim Claim(ClaimRequest request)
    {
        lock (_lock)
        {
            StoreTime now = Now();
            (int takenBack, int deadLettered) = TakeBackExpired(now);
            if (deadLettered > 0 || request.Max > 0) EvictDeadLetters(request.DeadLetters, now); // time passes, too; but who only looks evicts nothing
            if (request.Max > 0) TrimCompleted(request.Completed, now);
            WakeNode listener = _listeners.Meet(request.NodeId, request.Held, now);
            bool repeated = listener.ClaimToken == request.ClaimToken;
            bool isCut = false;
            List<ClaimedEvent> claimed = repeated
                ? RenewClaimed(listener, request, now)
                : TakeDue(request, _pause is null ? Math.Min(Math.Min(request.Max, request.Capacity), Limits.MaxBatch - takenBack) : 0, now, out isCut);
            if (!repeated)
            {
                Tally(TimerCounter.Delivered, now, claimed.Count);
                listener.ClaimToken = request.ClaimToken;
                listener.ClaimedIds = claimed.ConvertAll(e => e.Id);
            }

            var end = new WakeScheduler.ClaimEnd(claimed.Count, isCut ? 0 : request.Capacity - claimed.Count, _events.Head, request.Yields, most => IsDueAtMost(most, now));
            TimeSpan askAgainIn = _listeners.Arm(listener, end, now);
            return new TimerClaim(claimed, askAgainIn) { DeadLettered = deadLettered, Pause = _pause, IsCut = isCut };
        }
    }

    public IReadOnlyList<TimerOutcome> Confirm(IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed)
    {
        lock (_lock)
        {
            TimerOutcome[] outcomes = ForEachDelivery(deliveries, static delivery => delivery, (stored, _, now) =>
            {
                _events.Remove(stored);
                if (completed.Keeps) Complete(stored, completed.Outcome, now);
                Tally(TimerCounter.Confirmed, now);
                OccurrenceEnded(stored.Id, OccurrenceOutcome.Succeeded, now);
                return TimerOutcome.Done;
            });
            if (outcomes.Contains(TimerOutcome.Done)) TrimCompleted(completed, Now());
            return outcomes;
        }
    }

    public IReadOnlyList<TimerOutcome> Extend(IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease) =>
        ForEachDelivery(deliveries, static delivery => delivery, (stored, _, now) =>
        {
            _events.Hold(stored, stored.Lease! with { Deadline = Math.Max(stored.Lease!.Deadline, now.After(lease)) });
            return TimerOutcome.Done;
        });

    public IReadOnlyList<TimerOutcome> Release(IReadOnlyList<DeliveryKey> deliveries) =>
        ForEachDelivery(deliveries, static delivery => delivery, (stored, _, now) =>
        {
            _events.PutBack(stored, now);
            Tally(TimerCounter.HandedBack, now);
            return TimerOutcome.Done;
        });

    public IReadOnlyList<TimerOutcome> Fail(IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters)
    {
        lock (_lock)
        {
            IReadOnlyList<TimerOutcome> outcomes = ForEachDelivery(failures, static failure => failure.Delivery, (stored, failure, now) =>
            {
                if (failure.IsInterruption && ++stored.Interruptions <= Limits.FreeInterruptions)
                {
                    _events.PutBack(stored, now);
                    Tally(TimerCounter.HandedBack, now);
                    return TimerOutcome.Done;
                }

                Tally(TimerCounter.Failed, now);
                stored.Record(failure.NodeId, failure.Error, now);
                if (failure.RetryIn is not TimeSpan delay || stored.Retries >= stored.MaxRetries)
                {
                    _events.MoveToDeadLetters(stored, new DeadLetter(now.Milliseconds, failure.Reason), now);
                    Tally(DeadLetterOf(failure.Reason), now);
                    OccurrenceEnded(stored.Id, OccurrenceOutcome.DeadLettered, now);
                    return TimerOutcome.DeadLettered;
                }

                stored.Retries++;
                _events.Schedule(stored, new DueTime(now.After(delay), null));
                return TimerOutcome.Done;
            });
            if (outcomes.Contains(TimerOutcome.DeadLettered)) EvictDeadLetters(deadLetters, Now());
            return outcomes;
        }
    }

    /// <summary>A node whose lease ran out spent an attempt. The event is due since then, or dead.</summary>
    /// <returns>How many events were taken back, at most <see cref="Limits.MaxBatch"/>; and how many of them are dead.</returns>
    private (int Count, int DeadLettered) TakeBackExpired(StoreTime now)
    {
        int count = 0;
        int deadLettered = 0;
        for (; count < Limits.MaxBatch && _events.InFlight.Count > 0 && _events.InFlight.Min.At <= now.Milliseconds; count++)
        {
            StoredEvent stored = _events[_events.InFlight.Min.Id];
            Lease lease = stored.Lease!;
            if (HasNotBegun(stored.Id, now))
            {
                _events.PutBack(stored, now); // nothing was attempted
                continue;
            }

            stored.Record(lease.NodeId, FailureRecord.LeaseExpired, now);
            if (stored.Retries < stored.MaxRetries)
            {
                stored.Retries++;
                _events.Schedule(stored, new DueTime(lease.Deadline, null));
            }
            else
            {
                _events.MoveToDeadLetters(stored, new DeadLetter(now.Milliseconds, DeadLetterReason.LeaseExpired), now);
                OccurrenceEnded(stored.Id, OccurrenceOutcome.DeadLettered, now);
                deadLettered++;
            }
        }

        Tally(TimerCounter.ExpiredLeases, now, count);
        Tally(DeadLetterOf(DeadLetterReason.LeaseExpired), now, deadLettered);
        return (count, deadLettered);
    }

    /// <summary>
    /// Takes what is due, the oldest first. In a backlog it takes the oldest and the newest in turn, so that old events drain steadily and
    /// fresh ones do not wait behind all of them.
    /// </summary>
    private List<ClaimedEvent> TakeDue(ClaimRequest request, int max, StoreTime now, out bool isCut)
    {
        isCut = false;
        int lastAttempts = 0;
        var claimed = new List<ClaimedEvent>();
        bool backlog = _events.Scheduled.Count > 0 && _events.Scheduled.Min.At < now.Milliseconds - ClaimRequest.BacklogAge;
        bool newest = backlog && !request.BeginsWithOldest; // claims of one event must not always take from the same end
        var lease = new Lease(request.ClaimToken, request.NodeId, now.After(request.LeaseDuration), now.Milliseconds);
        long bytes = 0;
        while (claimed.Count < max && NextDue(newest, now) is StoredEvent stored)
        {
            bytes += stored.Payload.Length;
            if (claimed.Count > 0 && bytes > Limits.MaxBatchBytes) break;
            isCut = stored.Retries >= stored.MaxRetries && ++lastAttempts > request.MaxLastAttempts;
            if (isCut) break;
            claimed.Add(stored.ToClaimed(now));
            if (OccurrenceId.Is(stored.Id)) stored.FirstClaimedTicks ??= now.Ticks / TimeSpan.TicksPerMicrosecond * TimeSpan.TicksPerMicrosecond;
            _events.Hold(stored, lease);
            newest = backlog && !newest;
        }

        if (backlog) claimed.Sort(static (a, b) => new TimedId(a.Due.UtcTicks, a.Id).CompareTo(new TimedId(b.Due.UtcTicks, b.Id)));
        return claimed;
    }

    private bool IsDueAtMost(int most, StoreTime now) => _events.Scheduled.TakeWhile(place => place.At <= now.Milliseconds).Take(most + 1).Count() <= most;

    private StoredEvent? NextDue(bool newest, StoreTime now)
    {
        if (_events.Scheduled.Count == 0 || _events.Scheduled.Min.At > now.Milliseconds) return null;
        TimedId place = newest ? _events.Scheduled.GetViewBetween(default, new TimedId(now.Milliseconds + 1, "")).Max : _events.Scheduled.Min;
        return _events[place.Id];
    }

    /// <summary>The reply to the claim was lost: the same events once more, as far as they still belong to it.</summary>
    private List<ClaimedEvent> RenewClaimed(WakeNode listener, ClaimRequest request, StoreTime now)
    {
        var claimed = new List<ClaimedEvent>();
        foreach (string id in listener.ClaimedIds)
        {
            if (!_events.TryGet(id, out StoredEvent? stored) || stored.Lease?.Token != request.ClaimToken) continue;
            _events.Hold(stored, stored.Lease with { Deadline = Math.Max(stored.Lease.Deadline, now.After(request.LeaseDuration)) });
            claimed.Add(stored.ToClaimed(now));
        }

        return claimed;
    }

    private TimerOutcome[] ForEachDelivery<T>(IReadOnlyList<T> items, Func<T, DeliveryKey> keyOf, Func<StoredEvent, T, StoreTime, TimerOutcome> act)
    {
        var outcomes = new TimerOutcome[items.Count];
        lock (_lock)
        {
            StoreTime now = Now();
            long earliest = long.MaxValue;
            for (int i = 0; i < items.Count; i++)
            {
                DeliveryKey key = keyOf(items[i]);
                if (!_events.TryGet(key.Id, out StoredEvent? stored)) outcomes[i] = TimerOutcome.NotFound;
                else if (stored.Lease?.Token != key.Token) outcomes[i] = TimerOutcome.Stale;
                else
                {
                    outcomes[i] = act(stored, items[i], now);
                    if (stored.State == TimerState.Scheduled) earliest = Math.Min(earliest, stored.Due);
                }
            }

            WakeFor(earliest, now);
        }

        return outcomes;
    }
}
