using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <content>Claiming.</content>
internal sealed partial class SqliteTimerStore
{
    private const string Columns = "e.key, e.id, e.due, e.retries, e.max_retries, e.headers, e.payload, e.first_claimed, e.raw_due";

    // Not durable: no process that holds a lease outlives a loss of power. The event is then where it was before the claim.
    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        Change(
            partition,
            isDurable: false,
            (file, ns) =>
            {
                StoreTime now = ns.Now();
                new TimerEvents(file, ns).DateAnew(now);
                (int takenBack, int deadLettered) = TakeBackExpired(file, ns, now);
                if (deadLettered > 0 || request.Max > 0) EvictDeadLetters(file, ns, request.DeadLetters, now); // time passes, too; but who only looks evicts nothing
                if (request.Max > 0) new CompletedTable(file, ns).Trim(request.Completed, now);
                WakeNode node = ns.Wakes.Meet(request.NodeId, request.Held, now);
                bool isCut = false;
                List<ClaimedEvent> claimed = node.ClaimToken == request.ClaimToken
                    ? RenewClaimed(file, ns, request, now)
                    : TakeDue(file, ns, request, ns.Pause is null ? Math.Min(Math.Min(request.Max, request.Capacity), Limits.MaxBatch - takenBack) : 0, now, out isCut);
                if (node.ClaimToken != request.ClaimToken) ns.Tally(TimerCounter.Delivered, claimed.Count);
                node.ClaimToken = request.ClaimToken;
                var events = new TimerEvents(file, ns);
                var end = new WakeScheduler.ClaimEnd(claimed.Count, isCut ? 0 : request.Capacity - claimed.Count, events.Head, request.Yields, most => events.IsDueAtMost(most, now));
                return new TimerClaim(claimed, ns.Wakes.Arm(node, end, now)) { DeadLettered = deadLettered, Pause = ns.Pause, IsCut = isCut };
            },
            cancellationToken);

    /// <summary>A node whose lease ran out spent an attempt. The event is due since then, or dead.</summary>
    /// <returns>How many events were taken back, at most <see cref="Limits.MaxBatch"/>; and how many of them are dead.</returns>
    private static (int Count, int DeadLettered) TakeBackExpired(SqliteFile file, TimerNamespace ns, StoreTime now)
    {
        if (ns.InFlight == 0) return (0, 0);
        var expired = new List<EventPlace>();
        using (Statement rows = file[
            """
            SELECT e.key, e.id, e.due, e.retries, e.max_retries, l.token, l.node, l.deadline, e.raw_due
            FROM leases l JOIN events e ON e.key = l.key WHERE l.namespace = ? AND l.deadline <= ? ORDER BY l.deadline LIMIT ?
            """].Set(ns.Id).Set(now.Milliseconds).Set(Limits.MaxBatch))
        {
            while (rows.Step())
            {
                expired.Add(new EventPlace(
                    rows.Long(0), rows.Text(1), rows.Long(2), rows.Int(3), rows.Int(4), rows.Text(5), rows.Text(6), rows.Long(7), Died: null, rows.LongOrNull(8)));
            }
        }

        var events = new TimerEvents(file, ns);
        int deadLettered = 0;
        foreach (EventPlace place in expired)
        {
            if (OccurrenceId.Is(place.Id) && ScheduleSteps.HasNotBegun(new ScheduleTable(file, ns, now), place.Id))
            {
                events.PutBack(place, now); // nothing was attempted
                continue;
            }

            events.Record(place, place.Node!, FailureRecord.LeaseExpired, now);
            if (place.Retries < place.MaxRetries)
            {
                events.Schedule(place, new DueTime(place.Deadline, null), place.Retries + 1);
            }
            else
            {
                events.MoveToDeadLetters(place, now, DeadLetterReason.LeaseExpired);
                ScheduleTable.Ended(file, ns, place.Id, OccurrenceOutcome.DeadLettered, now);
                deadLettered++;
            }
        }

        ns.Tally(TimerCounter.ExpiredLeases, expired.Count);
        ns.TallyDeadLetter(DeadLetterReason.LeaseExpired, deadLettered);
        return (expired.Count, deadLettered);
    }

    /// <summary>
    /// Takes what is due, the oldest first. In a backlog it takes the oldest and the newest in turn, so that old events drain steadily and
    /// fresh ones do not wait behind all of them.
    /// </summary>
    private static List<ClaimedEvent> TakeDue(SqliteFile file, TimerNamespace ns, ClaimRequest request, int max, StoreTime now, out bool isCut)
    {
        isCut = false;
        int lastAttempts = 0;
        var claimed = new List<ClaimedEvent>();
        var places = new List<EventPlace>();
        var early = new List<EventPlace>();
        var events = new TimerEvents(file, ns);
        if (max <= 0 || ns.Scheduled == 0 || events.FirstDue() is not { } first || first > now.Milliseconds) return claimed;

        bool backlog = first < now.Milliseconds - ClaimRequest.BacklogAge;
        bool newest = backlog && !request.BeginsWithOldest; // claims of one event must not always take from the same end
        long bytes = 0;
        using (var oldestFirst = new DueRows(file[
            $"SELECT {Columns} FROM scheduled s JOIN events e ON e.key = s.key WHERE s.namespace = ? AND s.due <= ? ORDER BY s.due, s.id LIMIT ?"], ns, now, max))
        using (var newestFirst = new DueRows(file[
            $"SELECT {Columns} FROM scheduled s JOIN events e ON e.key = s.key WHERE s.namespace = ? AND s.due <= ? ORDER BY s.due DESC, s.id DESC LIMIT ?"], ns, now, max))
        {
            long lastOld = -1, lastNew = -1;
            while (claimed.Count + early.Count < max)
            {
                DueRows rows = newest ? newestFirst : oldestFirst;
                if (!rows.Step() || rows.Key == (newest ? lastOld : lastNew)) break; // the two have met
                var place = new EventPlace(rows.Key, rows.Row.Text(1), rows.Row.Long(2), rows.Row.Int(3), rows.Row.Int(4), null, null, 0, null, rows.Row.LongOrNull(8));
                bool isEarly = now.DueOf(place.DueTime) > now.Milliseconds; // one of more than the claim has dated anew
                if (!isEarly) bytes += rows.Row.Length(6);
                if (!isEarly && claimed.Count > 0 && bytes > Limits.MaxBatchBytes) break;
                isCut = !isEarly && place.Retries >= place.MaxRetries && ++lastAttempts > request.MaxLastAttempts;
                if (isCut) break;
                (newest ? ref lastNew : ref lastOld) = rows.Key;
                (isEarly ? early : places).Add(place);
                if (!isEarly) claimed.Add(ReadClaimed(rows.Row, now));
                newest = backlog && !newest;
            }
        }

        foreach (EventPlace place in early) events.DateAnew(place, now);
        long deadline = now.After(request.LeaseDuration);
        foreach (EventPlace place in places)
        {
            if (OccurrenceId.Is(place.Id)) events.NoteClaim(place.Key, now);
            events.Hold(place, request.ClaimToken, request.NodeId, deadline, now);
        }

        if (backlog || now.Offset > 0) claimed.Sort(static (a, b) => new TimedId(a.Due.UtcTicks, a.Id).CompareTo(new TimedId(b.Due.UtcTicks, b.Id)));
        return claimed;
    }

    /// <summary>The reply to the claim was lost: the same events once more, as far as they still belong to it.</summary>
    private static List<ClaimedEvent> RenewClaimed(SqliteFile file, TimerNamespace ns, ClaimRequest request, StoreTime now)
    {
        var claimed = new List<ClaimedEvent>();
        var keys = new List<long>();
        using (Statement rows = file[
            $"SELECT {Columns} FROM leases l JOIN events e ON e.key = l.key WHERE l.namespace = ? AND l.token = ? ORDER BY e.due, e.id LIMIT ?"]
            .Set(ns.Id).Set(request.ClaimToken).Set(Limits.MaxBatch))
        {
            while (rows.Step())
            {
                keys.Add(rows.Long(0));
                claimed.Add(ReadClaimed(rows, now));
            }
        }

        var events = new TimerEvents(file, ns);
        foreach (long key in keys) events.Prolong(key, now.After(request.LeaseDuration));
        return claimed;
    }

    private static ClaimedEvent ReadClaimed(Statement row, StoreTime now)
    {
        long due = now.DueOf(new DueTime(row.Long(2), row.LongOrNull(8)));
        return new ClaimedEvent(
            row.Text(1),
            row.Bytes(6),
            EventCodec.DecodeHeaders(row.BytesOrNull(5)),
            row.Int(3),
            row.Int(4),
            now.Show(due),
            now.Since(due))
        {
            FirstClaimedAt = row.LongOrNull(7) is { } us ? new StoreTime(us * TimeSpan.TicksPerMicrosecond, now.Offset).ToDateTimeOffset() : null,
        };
    }

    /// <summary>Events that are due, read one after the other, and only as far as they are wanted.</summary>
    private readonly struct DueRows(Statement row, TimerNamespace ns, StoreTime now, int max) : IDisposable
    {
        public Statement Row { get; } = row.Set(ns.Id).Set(now.Milliseconds).Set(max);

        public long Key => Row.Long(0);

        public bool Step() => Row.Step();

        public void Dispose() => Row.Dispose();
    }
}
