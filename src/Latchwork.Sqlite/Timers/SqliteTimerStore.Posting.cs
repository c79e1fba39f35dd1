using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <content>Posting, cancelling, changing the delay.</content>
internal sealed partial class SqliteTimerStore
{
    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        TimerEntry[] own = [.. entries.Select(entry => entry with { Payload = entry.Payload.ToArray() })]; // the caller may write over its array
        return Change<IReadOnlyList<PostOutcome>>(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                var events = new TimerEvents(file, ns);
                var outcomes = new PostOutcome[own.Length];
                StoreTime now = ns.Now();
                long earliest = long.MaxValue;
                for (int i = 0; i < own.Length; i++)
                {
                    DueTime due = now.Resolve(own[i].Due);
                    outcomes[i] = Post(events, ns, own[i], due);
                    if (outcomes[i] is not (PostOutcome.Created or PostOutcome.Replaced)) continue;
                    earliest = Math.Min(earliest, due.At);
                    ns.Tally(TimerCounter.Posted);
                    if (outcomes[i] == PostOutcome.Replaced) ns.Tally(TimerCounter.Replaced);
                }

                Wake(ns, earliest, now);
                return outcomes;
            },
            cancellationToken);
    }

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        Change(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                var events = new TimerEvents(file, ns);
                if (events.Find(id) is not { } place) return TimerOutcome.NotFound;
                if (place.IsInFlight && !revoke) return TimerOutcome.InFlight;
                Remove(events, ns, place);
                if (place.IsDeadLettered) return TimerOutcome.Done;
                ns.Tally(TimerCounter.Cancelled);
                ScheduleTable.Ended(file, ns, id, OccurrenceOutcome.Cancelled, ns.Now());
                return TimerOutcome.Done;
            },
            cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        Change(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                var events = new TimerEvents(file, ns);
                if (events.Find(id) is not { } place) return TimerOutcome.NotFound;
                if (place.IsInFlight) return TimerOutcome.InFlight;
                if (place.IsDeadLettered) return TimerOutcome.DeadLettered;

                StoreTime now = ns.Now();
                DueTime dueAt = now.Resolve(due);
                events.Schedule(place, dueAt, place.Retries);
                Wake(ns, dueAt.At, now);
                return TimerOutcome.Done;
            },
            cancellationToken);

    private static PostOutcome Post(TimerEvents events, TimerNamespace ns, TimerEntry entry, DueTime due)
    {
        if (events.TryAdd(entry, due)) return PostOutcome.Created;

        EventPlace existing = events.Find(entry.Id)!.Value;
        if (!existing.IsDeadLettered && entry.IfExists == IfExists.Keep) return PostOutcome.Kept; // a dead letter never stands in the way of a new one
        if (!existing.IsDeadLettered && entry.IfExists == IfExists.Fail) return PostOutcome.Exists;
        Remove(events, ns, existing);
        events.TryAdd(entry, due);
        return PostOutcome.Replaced;
    }

    /// <summary>Removes an event in any state. A node that holds it is notified.</summary>
    private static void Remove(TimerEvents events, TimerNamespace ns, in EventPlace place)
    {
        events.Remove(place);
        if (place.IsInFlight) ns.Revoke(place.Node!, new DeliveryKey(place.Id, place.Token!));
    }
}
