using System.Globalization;
using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <content>Looking without changing.</content>
internal sealed partial class SqliteTimerStore
{
    /// <summary>The columns of a snapshot; <c>e</c> are the events, <c>l</c> the leases, <c>d</c> the dead.</summary>
    internal const string SnapshotColumns =
        "e.id, e.due, e.retries, e.max_retries, e.headers, e.payload, e.failures, l.deadline, l.token, l.node, d.died, d.reason, e.interruptions, l.claimed, e.raw_due";

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        Look(
            partition,
            null,
            (file, ns) =>
            {
                using Statement row = file[
                    $"""
                    SELECT {SnapshotColumns} FROM events e LEFT JOIN leases l ON l.key = e.key LEFT JOIN dead d ON d.key = e.key
                    WHERE e.namespace = ? AND e.id = ?
                    """].Set(ns.Id).Set(id);
                if (!row.Step()) return new CompletedTable(file, ns).Find(id)?.ToSnapshot();
                StoreTime now = ns.Now();
                return MarkBegun(ReadSnapshot(row, now), file, ns, now);
            },
            cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        Look(
            partition,
            new TimerPage([], null),
            (file, ns) =>
            {
                StoreTime now = ns.Now();
                PageCursor from = cursor is not null ? PageCursor.Parse(cursor) : PageCursor.Window(now, offset, duration);
                Statement rows = file[
                    $"""
                    SELECT {SnapshotColumns}, s.due FROM scheduled s JOIN events e ON e.key = s.key
                    LEFT JOIN leases l ON l.key = e.key LEFT JOIN dead d ON d.key = e.key
                    WHERE s.namespace = ? AND (s.due, s.id) > (?, ?) AND s.due < ? ORDER BY s.due, s.id LIMIT ?
                    """];
                return Page(rows, ns, from, limit, now);
            },
            cancellationToken);

    public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Look(
            partition,
            new TimerPage([], null),
            (file, ns) =>
            {
                StoreTime now = ns.Now();
                InFlightCursor from = InFlightCursor.Parse(cursor, now);
                var items = new List<TimerSnapshot>();
                TimedId last = from.After;
                bool isCut = false;
                long bytes = 0;

                // Leases of the same end are in order of their keys: the index has them so.
                using (Statement rows = file[
                    $"""
                    SELECT {SnapshotColumns}, l.key FROM leases l JOIN events e ON e.key = l.key LEFT JOIN dead d ON d.key = e.key
                    WHERE l.namespace = ? AND (l.deadline, l.key) > (?, ?) ORDER BY l.deadline, l.key LIMIT ?
                    """].Set(ns.Id).Set(from.After.At).Set(from.After.Id.Length == 0 ? 0 : long.Parse(from.After.Id, CultureInfo.InvariantCulture)).Set(limit + 1))
                {
                    while (rows.Step())
                    {
                        bytes += rows.Length(5);
                        isCut = items.Count == limit || (items.Count > 0 && bytes > Limits.MaxBatchBytes);
                        if (isCut) break;
                        items.Add(ReadSnapshot(rows, now));
                        last = new TimedId(rows.Long(7), rows.Long(15).ToString(CultureInfo.InvariantCulture));
                    }
                }

                return from.Cut(items.ConvertAll(item => MarkBegun(item, file, ns, now)), isCut ? last : null, now);
            },
            cancellationToken);

    public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Look(
            partition,
            new TimerPage([], null),
            (file, ns) =>
            {
                PageCursor from = cursor is not null ? PageCursor.Parse(cursor) : PageCursor.Everything;
                Statement rows = file[
                    $"""
                    SELECT {SnapshotColumns}, d.died FROM dead d JOIN events e ON e.key = d.key LEFT JOIN leases l ON l.key = e.key
                    WHERE d.namespace = ? AND (d.died, d.id) > (?, ?) AND d.died < ? ORDER BY d.died, d.id LIMIT ?
                    """];
                return Page(rows, ns, from, limit, ns.Now());
            },
            cancellationToken);

    public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Look(partition, new TimerPage([], null), (file, ns) => new CompletedTable(file, ns).Page(cursor, limit).ToSnapshots(), cancellationToken);

    private static TimerSnapshot MarkBegun(TimerSnapshot snapshot, SqliteFile file, TimerNamespace ns, StoreTime now) =>
        snapshot.State == TimerState.InFlight && OccurrenceId.Is(snapshot.Id) && ScheduleSteps.HasNotBegun(new ScheduleTable(file, ns, now), snapshot.Id)
            ? snapshot with { HasBegun = false }
            : snapshot;

    /// <summary>The next events of a list. A place is never given twice, whatever comes and goes between the pages.</summary>
    private static TimerPage Page(Statement rows, TimerNamespace ns, PageCursor from, int limit, StoreTime now)
    {
        var items = new List<TimerSnapshot>();
        long bytes = 0;
        TimedId last = from.After;
        using (rows.Set(ns.Id).Set(from.After.At).Set(from.After.Id).Set(from.End).Set(limit + 1))
        {
            while (rows.Step())
            {
                TimerSnapshot snapshot = ReadSnapshot(rows, now);
                bytes += snapshot.Payload.Length;
                bool full = items.Count == limit || (items.Count > 0 && bytes > Limits.MaxBatchBytes);
                if (full) return new TimerPage(items, new PageCursor(last, from.End).ToString());
                items.Add(snapshot);
                last = new TimedId(rows.Long(15), snapshot.Id);
            }
        }

        return new TimerPage(items, null);
    }

    /// <summary>Reads what <see cref="SnapshotColumns"/> selects.</summary>
    internal static TimerSnapshot ReadSnapshot(Statement row, StoreTime now)
    {
        long due = now.DueOf(new DueTime(row.Long(1), row.LongOrNull(14)));
        long? deadline = row.LongOrNull(7), died = row.LongOrNull(10);
        TimerState state = deadline is not null ? TimerState.InFlight : died is not null ? TimerState.DeadLettered : TimerState.Scheduled;
        return new TimerSnapshot
        {
            Id = row.Text(0),
            State = state,
            Due = now.Show(due),
            IsAbsolute = !row.IsNull(14),
            TimeLeft = state == TimerState.Scheduled ? now.WholeUntil(due) : TimeSpan.Zero,
            LeaseLeft = deadline is { } end ? now.WholeUntil(end) : null,
            Token = row.TextOrNull(8),
            NodeId = row.TextOrNull(9),
            ClaimedAt = deadline is not null && row.Long(13) is > 0 and var claimed ? now.Show(claimed) : null,
            HasBegun = deadline is null ? null : true,
            Retries = row.Int(2),
            Interruptions = row.Int(12),
            MaxRetries = row.Int(3),
            Payload = row.Bytes(5),
            Headers = EventCodec.DecodeHeaders(row.BytesOrNull(4)),
            DeadLetterReason = died is null ? null : (DeadLetterReason)row.Int(11),
            DeadLetteredAt = died is { } at ? now.Show(at) : null,
            DeadLetterStamp = died,
            DeadLetteredFor = died is { } since ? now.Since(since) : null,
            Failures = EventCodec.DecodeFailures(row.BytesOrNull(6)).ShownBy(now),
        };
    }
}
