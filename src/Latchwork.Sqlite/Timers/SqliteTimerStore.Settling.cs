using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <content>What ends or prolongs a delivery. An expired lease that nobody took over is still good.</content>
internal sealed partial class SqliteTimerStore
{
    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<TimerOutcome>>(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                var events = new TimerEvents(file, ns);
                var outcomes = new TimerOutcome[deliveries.Count];
                StoreTime now = ns.Now(); // noted, so that the clock cannot go back behind this
                for (int i = 0; i < outcomes.Length; i++)
                {
                    outcomes[i] = events.TryConfirm(deliveries[i], completed, now) ? TimerOutcome.Done
                        : events.Find(deliveries[i].Id) is null ? TimerOutcome.NotFound : TimerOutcome.Stale;
                    if (outcomes[i] != TimerOutcome.Done) continue;
                    ns.Tally(TimerCounter.Confirmed);
                    ScheduleTable.Ended(file, ns, deliveries[i].Id, OccurrenceOutcome.Succeeded, now);
                }

                if (outcomes.Contains(TimerOutcome.Done)) new CompletedTable(file, ns).Trim(completed, now);
                return outcomes;
            },
            cancellationToken);

    // Not durable: see the claim.
    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<TimerOutcome>>(partition, isDurable: false, (file, ns) => ForEachDelivery(
            file,
            ns,
            deliveries,
            static delivery => delivery,
            (TimerEvents events, in EventPlace place, DeliveryKey _, StoreTime now, ref long _) =>
            {
                events.Prolong(place.Key, now.After(lease));
                return TimerOutcome.Done;
            }), cancellationToken);

    // Durable: a later sync may have kept the claim, and then the end of its lease would spend a retry that handing back does not.
    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<TimerOutcome>>(partition, isDurable: true, (file, ns) => ForEachDelivery(
            file,
            ns,
            deliveries,
            static delivery => delivery,
            (TimerEvents events, in EventPlace place, DeliveryKey _, StoreTime now, ref long earliest) =>
            {
                events.PutBack(place, now);
                ns.Tally(TimerCounter.HandedBack);
                earliest = Math.Min(earliest, now.DueOf(place.DueTime));
                return TimerOutcome.Done;
            }), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<TimerOutcome>>(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                TimerOutcome[] outcomes = ForEachDelivery(file, ns, failures, static failure => failure.Delivery, (TimerEvents events, in EventPlace place, TimerFailure failure, StoreTime at, ref long earliest) => Fail(ns, events, place, failure, at, ref earliest));
                if (!outcomes.Contains(TimerOutcome.DeadLettered)) return outcomes;
                StoreTime now = ns.Now();
                for (int i = 0; i < outcomes.Length; i++)
                {
                    if (outcomes[i] == TimerOutcome.DeadLettered) ScheduleTable.Ended(file, ns, failures[i].Delivery.Id, OccurrenceOutcome.DeadLettered, now);
                }

                EvictDeadLetters(file, ns, deadLetters, now);
                return outcomes;
            },
            cancellationToken);

    private static TimerOutcome Fail(TimerNamespace ns, TimerEvents events, in EventPlace place, TimerFailure failure, StoreTime now, ref long earliest)
    {
        if (failure.IsInterruption && events.CountInterruption(place.Key) <= Limits.FreeInterruptions)
        {
            events.PutBack(place, now);
            earliest = Math.Min(earliest, now.DueOf(place.DueTime));
            ns.Tally(TimerCounter.HandedBack);
            return TimerOutcome.Done;
        }

        ns.Tally(TimerCounter.Failed);
        events.Record(place, failure.NodeId, failure.Error, now);
        if (failure.RetryIn is not TimeSpan delay || place.Retries >= place.MaxRetries)
        {
            events.MoveToDeadLetters(place, now, failure.Reason);
            ns.TallyDeadLetter(failure.Reason);
            return TimerOutcome.DeadLettered;
        }

        long due = now.After(delay);
        events.Schedule(place, new DueTime(due, null), place.Retries + 1);
        earliest = Math.Min(earliest, due);
        return TimerOutcome.Done;
    }

    private static TimerOutcome[] ForEachDelivery<T>(
        SqliteFile file, TimerNamespace ns, IReadOnlyList<T> items, Func<T, DeliveryKey> keyOf, Settle<T> settle)
    {
        var events = new TimerEvents(file, ns);
        var outcomes = new TimerOutcome[items.Count];
        StoreTime now = ns.Now();
        long earliest = long.MaxValue;
        for (int i = 0; i < items.Count; i++)
        {
            DeliveryKey key = keyOf(items[i]);
            if (events.Find(key.Id) is not { } place) outcomes[i] = TimerOutcome.NotFound;
            else if (place.Token != key.Token) outcomes[i] = TimerOutcome.Stale;
            else outcomes[i] = settle(events, place, items[i], now, ref earliest);
        }

        Wake(ns, earliest, now);
        return outcomes;
    }

    /// <summary>What is done with one delivery that is still its owner's. It lowers <c>earliest</c> to the time for which it schedules something.</summary>
    private delegate TimerOutcome Settle<in T>(TimerEvents events, in EventPlace place, T item, StoreTime now, ref long earliest);
}
