using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <summary>Where an event stands, without its payload.</summary>
/// <param name="Key">Its key in the tables.</param>
/// <param name="Id">Its id.</param>
/// <param name="Due">When it is due, or was when it was claimed, in ms.</param>
/// <param name="Retries">The retries that are spent.</param>
/// <param name="MaxRetries">The retries that it has.</param>
/// <param name="Token">In flight: the delivery's token.</param>
/// <param name="Node">In flight: who holds it.</param>
/// <param name="Deadline">In flight: the end of the lease, in ms.</param>
/// <param name="Died">Dead: when, in ms.</param>
/// <param name="Raw">Of an absolute time: what was asked for, by the machine's clock, in ms.</param>
internal readonly record struct EventPlace(
    long Key, string Id, long Due, int Retries, int MaxRetries, string? Token, string? Node, long Deadline, long? Died, long? Raw)
{
    /// <summary>When it is due, as it is stored.</summary>
    public DueTime DueTime => new(Due, Raw);

    public bool IsInFlight => Token is not null;

    public bool IsDeadLettered => Died is not null;
}

/// <summary>
/// The events of a namespace in the tables. Each event is in <c>events</c> and in exactly one of <c>scheduled</c>, <c>leases</c> and
/// <c>dead</c>; every move between them is here, and counts.
/// </summary>
internal readonly struct TimerEvents(SqliteFile file, TimerNamespace ns)
{
    /// <summary>When the next thing happens by itself: an event falls due, or a lease runs out. Null if nothing will.</summary>
    public long? Head
    {
        get
        {
            long? due = ns.Scheduled > 0 ? FirstDue() : null;
            long? deadline = ns.InFlight > 0 ? FirstDeadline() : null;
            return due is null || deadline < due ? deadline : due;
        }
    }

    /// <summary>When the event that is longest scheduled is due.</summary>
    public long? FirstDue()
    {
        using Statement row = file["SELECT min(due) FROM scheduled WHERE namespace = ?"].Set(ns.Id);
        return row.Step() ? row.LongOrNull(0) : null;
    }

    /// <summary>
    /// When the event that is longest due fell due; null if none is. Absolute times that were written down before the offset grew are not due; of more than
    /// <see cref="Limits.MaxBatch"/> of them those that are due behind them are not seen until claims have dated them anew.
    /// </summary>
    public long? OldestDue(StoreTime now)
    {
        long? oldest = null;
        using Statement rows = file["SELECT due, due - ahead FROM scheduled WHERE namespace = ? AND due <= ? ORDER BY due LIMIT ?"]
            .Set(ns.Id).Set(now.Milliseconds).Set(now.Ahead == 0 ? 1 : Limits.MaxBatch);
        while (rows.Step())
        {
            long due = now.DueOf(new DueTime(rows.Long(0), rows.LongOrNull(1)));
            if (due <= now.Milliseconds && !(oldest <= due)) oldest = due;
        }

        return oldest;
    }

    /// <summary>Whether at most so many events are due. Counts no further.</summary>
    public bool IsDueAtMost(int most, StoreTime now)
    {
        using Statement row = file["SELECT count(*) FROM (SELECT 1 FROM scheduled WHERE namespace = ? AND due <= ? LIMIT ?)"]
            .Set(ns.Id).Set(now.Milliseconds).Set(most + 1);
        return row.Step() && row.Long(0) <= most;
    }

    public EventPlace? Find(string id)
    {
        using Statement row = file[
            """
            SELECT e.key, e.due, e.retries, e.max_retries, l.token, l.node, l.deadline, d.died, e.raw_due
            FROM events e LEFT JOIN leases l ON l.key = e.key LEFT JOIN dead d ON d.key = e.key
            WHERE e.namespace = ? AND e.id = ?
            """].Set(ns.Id).Set(id);
        if (!row.Step()) return null;
        return new EventPlace(row.Long(0), id, row.Long(1), row.Int(2), row.Int(3), row.TextOrNull(4), row.TextOrNull(5), row.Long(6), row.LongOrNull(7), row.LongOrNull(8));
    }

    /// <summary>Adds an event, scheduled.</summary>
    /// <returns>Whether its id was free; if not, nothing was changed.</returns>
    public bool TryAdd(TimerEntry entry, DueTime due)
    {
        file[
            """
            INSERT INTO events (namespace, id, due, retries, max_retries, headers, payload, raw_due) VALUES (?, ?, ?, 0, ?, ?, ?, ?)
            ON CONFLICT (namespace, id) DO NOTHING
            """].Set(ns.Id).Set(entry.Id).Set(due.At).Set(entry.MaxRetries).Set(EventCodec.Encode(entry.Headers)).Set(entry.Payload.Span).Set(due.Raw).Run();
        if (file.Changes == 0) return false;
        InsertScheduled(due, entry.Id, file.LastKey);
        return true;
    }

    /// <summary>Adds an event that comes from another store. Its id must be free.</summary>
    /// <param name="moved">The event.</param>
    /// <param name="due">When it is due, or was.</param>
    /// <param name="died">When it died, in ms; null if it lives.</param>
    /// <param name="now">Now.</param>
    public void Import(TransferEvent moved, DueTime due, long? died, StoreTime now)
    {
        file["INSERT INTO events (namespace, id, due, retries, interruptions, max_retries, headers, failures, payload, raw_due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"]
            .Set(ns.Id).Set(moved.Id).Set(due.At).Set(moved.Retries).Set(moved.Interruptions).Set(moved.MaxRetries)
            .Set(EventCodec.Encode(moved.Headers)).Set(EventCodec.Encode(moved.Failures.KeptBy(now))).Set(moved.Payload.Span).Set(due.Raw).Run();
        long key = file.LastKey;
        if (died is { } at) InsertDeadLetter(key, at, moved.Id, moved.DeadLetter!.Reason);
        else InsertScheduled(due, moved.Id, key);
    }

    /// <summary>Takes an event out of the tables, wherever it stands.</summary>
    public void Remove(in EventPlace place)
    {
        Displace(place);
        file["DELETE FROM events WHERE key = ?"].Set(place.Key).Run();
    }

    /// <summary>Notes when an occurrence of a schedule was claimed, unless it was before.</summary>
    public void NoteClaim(long key, StoreTime now) =>
        file["UPDATE events SET first_claimed = ? WHERE key = ? AND first_claimed IS NULL"].Set(now.Ticks / TimeSpan.TicksPerMicrosecond).Set(key).Run();

    /// <summary>Scheduled, in flight or dead → in flight.</summary>
    public void Hold(in EventPlace place, string token, string node, long deadline, StoreTime now)
    {
        Displace(place);
        file["INSERT INTO leases (key, namespace, deadline, token, node, claimed) VALUES (?, ?, ?, ?, ?, ?)"]
            .Set(place.Key).Set(ns.Id).Set(deadline).Set(token).Set(node).Set(now.Milliseconds).Run();
        ns.Count(inFlight: 1);
    }

    /// <summary>Takes an event in flight out of the tables, if the token is that of its delivery, and writes its line of the history.</summary>
    /// <param name="delivery">The delivery.</param>
    /// <param name="completed">What to keep of it.</param>
    /// <param name="now">Now.</param>
    /// <returns>Whether it was; if not, nothing was changed.</returns>
    public bool TryConfirm(DeliveryKey delivery, CompletedLimits completed, StoreTime now)
    {
        long key, claimed;
        string node;
        using (Statement row = file["DELETE FROM leases WHERE key = (SELECT key FROM events WHERE namespace = ? AND id = ?) AND token = ? RETURNING key, claimed, node"]
            .Set(ns.Id).Set(delivery.Id).Set(delivery.Token))
        {
            if (!row.Step()) return false;
            (key, claimed, node) = (row.Long(0), row.Long(1), row.Text(2));
        }

        if (completed.Keeps)
        {
            using Statement row = file["SELECT due, retries, max_retries, raw_due FROM events WHERE key = ?"].Set(key);
            if (row.Step())
            {
                new CompletedTable(file, ns).Replace(new CompletedEvent(
                    delivery.Id,
                    now.Show(now.DueOf(new DueTime(row.Long(0), row.LongOrNull(3)))),
                    now.Show(claimed),
                    DateTimeOffset.FromUnixTimeMilliseconds(now.RawMilliseconds),
                    node,
                    row.Int(1),
                    row.Int(2),
                    completed.Outcome));
            }
        }

        file["DELETE FROM events WHERE key = ?"].Set(key).Run();
        ns.Count(inFlight: -1);
        return true;
    }

    /// <summary>Moves the end of a lease; never to an earlier time.</summary>
    public void Prolong(long key, long deadline) =>
        file["UPDATE leases SET deadline = ?1 WHERE key = ?2 AND deadline < ?1"].Set(deadline).Set(key).Run();

    /// <summary>In flight → scheduled as it was before.</summary>
    public void PutBack(in EventPlace place, StoreTime now)
    {
        Displace(place);
        long due = now.DueOf(place.DueTime);
        if (due != place.Due) file["UPDATE events SET due = ? WHERE key = ?"].Set(due).Set(place.Key).Run();
        InsertScheduled(place.DueTime with { At = due }, place.Id, place.Key);
    }

    /// <summary>
    /// Dates those anew, a bounded number, whose absolute times were written down before the offset of the partition's clock grew. With an offset of zero there are none.
    /// </summary>
    public void DateAnew(StoreTime now)
    {
        if (now.Ahead == 0) return;
        var behind = new List<EventPlace>();
        using (Statement rows = file["SELECT key, id, due, ahead FROM scheduled WHERE namespace = ? AND ahead < ? ORDER BY ahead LIMIT ?"].Set(ns.Id).Set(now.Ahead).Set(Limits.MaxBatch))
        {
            while (rows.Step()) behind.Add(new EventPlace(rows.Long(0), rows.Text(1), rows.Long(2), 0, 0, null, null, 0, null, rows.Long(2) - rows.Long(3)));
        }

        foreach (EventPlace place in behind) DateAnew(place, now);
    }

    /// <summary>Dates a scheduled event with an absolute time anew.</summary>
    public void DateAnew(in EventPlace place, StoreTime now)
    {
        long due = now.DueOf(place.DueTime);
        file["UPDATE scheduled SET due = ?, ahead = ? WHERE namespace = ? AND due = ? AND id = ?"].Set(due).Set(due - place.Raw).Set(ns.Id).Set(place.Due).Set(place.Id).Run();
        file["UPDATE events SET due = ? WHERE key = ?"].Set(due).Set(place.Key).Run();
    }

    /// <summary>Anything → scheduled, at another time.</summary>
    public void Schedule(in EventPlace place, DueTime due, int retries)
    {
        Displace(place);
        file["UPDATE events SET due = ?, retries = ?, raw_due = ? WHERE key = ?"].Set(due.At).Set(retries).Set(due.Raw).Set(place.Key).Run();
        InsertScheduled(due, place.Id, place.Key);
    }

    /// <summary>Anything → dead.</summary>
    public void MoveToDeadLetters(in EventPlace place, StoreTime now, DeadLetterReason reason)
    {
        Displace(place);
        if (place.Raw is not null) file["UPDATE events SET due = ?, raw_due = NULL WHERE key = ?"].Set(now.DueOf(place.DueTime)).Set(place.Key).Run();
        InsertDeadLetter(place.Key, now.Milliseconds, place.Id, reason);
    }

    /// <summary>Adds a failed attempt to those that are kept.</summary>
    public void Record(in EventPlace place, string node, string error, StoreTime now)
    {
        byte[]? failures = EventCodec.Encode(Failures(place.Key).With(place.Retries, node, error, now.Milliseconds));
        file["UPDATE events SET failures = ? WHERE key = ?"].Set(failures).Set(place.Key).Run();
    }

    /// <summary>Counts that a handler was interrupted.</summary>
    /// <returns>How often that has happened.</returns>
    public int CountInterruption(long key)
    {
        using Statement row = file["UPDATE events SET interruptions = interruptions + 1 WHERE key = ? RETURNING interruptions"].Set(key);
        return row.Step() ? row.Int(0) : 0;
    }

    /// <summary>Counts anew.</summary>
    public void ForgetInterruptions(long key) => file["UPDATE events SET interruptions = 0 WHERE key = ? AND interruptions > 0"].Set(key).Run();

    private IReadOnlyList<AttemptFailure> Failures(long key)
    {
        using Statement row = file["SELECT failures FROM events WHERE key = ?"].Set(key);
        return EventCodec.DecodeFailures(row.Step() ? row.BytesOrNull(0) : null);
    }

    private long? FirstDeadline()
    {
        using Statement row = file["SELECT min(deadline) FROM leases WHERE namespace = ?"].Set(ns.Id);
        return row.Step() ? row.LongOrNull(0) : null;
    }

    private void InsertDeadLetter(long key, long died, string id, DeadLetterReason reason)
    {
        file["INSERT INTO dead (key, namespace, died, id, reason) VALUES (?, ?, ?, ?, ?)"].Set(key).Set(ns.Id).Set(died).Set(id).Set((int)reason).Run();
        ns.Count(dead: 1);
    }

    private void InsertScheduled(DueTime due, string id, long key)
    {
        file["INSERT INTO scheduled (namespace, due, id, key, ahead) VALUES (?, ?, ?, ?, ?)"].Set(ns.Id).Set(due.At).Set(id).Set(key).Set(due.At - due.Raw).Run();
        ns.Count(scheduled: 1);
    }

    /// <summary>Takes an event out of the table of its state.</summary>
    private void Displace(in EventPlace place)
    {
        if (place.IsInFlight)
        {
            file["DELETE FROM leases WHERE key = ?"].Set(place.Key).Run();
            ns.Count(inFlight: -1);
        }
        else if (place.IsDeadLettered)
        {
            file["DELETE FROM dead WHERE key = ?"].Set(place.Key).Run();
            ns.Count(dead: -1);
        }
        else
        {
            file["DELETE FROM scheduled WHERE namespace = ? AND due = ? AND id = ?"].Set(ns.Id).Set(place.Due).Set(place.Id).Run();
            ns.Count(scheduled: -1);
        }
    }
}
