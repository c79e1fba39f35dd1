using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Locking;

/// <summary>The records of keys in the table. The bytes of an outcome are with them if they are few, else apart: see <see cref="OutcomeRows"/>.</summary>
internal static class LockRows
{
    private const string Columns =
        """
        generation, keep_until, published_generation, published_nonce, node, nonce, started, lock_timeout, taken_over, lease, deadline,
        outcome_generation, outcome_kind, published_at, fresh_for, hand_over_for, outcome
        """;

    /// <summary>How long a record is kept after its use, in µs: a clock that is set forward for a moment is not to cost a key its fencing token. One hour.</summary>
    private const long Respite = 3_600_000_000;

    /// <summary>Finds what is kept of a key. The bytes of an outcome that are apart are not read.</summary>
    public static LockState? Find(SqliteFile file, long ns, string key)
    {
        using Statement row = file[$"SELECT {Columns} FROM locks WHERE namespace = ? AND name = ?"].Set(ns).Set(key);
        return row.Step() ? Read(row, 0) : null;
    }

    /// <summary>The record of what was found: it reads bytes that are apart when it has to give them away.</summary>
    public static LockRecord Record(SqliteFile file, long ns, string key, LockState? state) =>
        state is null ? new LockRecord() : new LockRecord(state, () => OutcomeRows.Read(file, ns, key));

    /// <summary>Writes down what is to be kept of a key, if that changed.</summary>
    /// <param name="file">The connection.</param>
    /// <param name="ns">The number of the namespace.</param>
    /// <param name="key">The key.</param>
    /// <param name="before">What was found; null if there was nothing.</param>
    /// <param name="after">What is to be kept.</param>
    public static void Save(SqliteFile file, long ns, string key, LockState? before, LockState after)
    {
        if (after == (before ?? new LockRecord().Save())) return;
        if (IsRenewal(before, after))
        {
            SaveLease(file, ns, key, after);
            return;
        }

        Upsert(file, ns, key, after);
        OutcomeRows.Save(file, ns, key, before?.Outcome, after.Outcome);
    }

    /// <summary>Whether only the end of a lease moved.</summary>
    private static bool IsRenewal(LockState? before, LockState after) =>
        before?.Lock is not null && after with { Lock = before.Lock } == before
        && after.Lock is { } held && held with { Started = before.Lock.Started, Lease = before.Lock.Lease, Deadline = before.Lock.Deadline } == before.Lock;

    private static void Upsert(SqliteFile file, long ns, string key, LockState state)
    {
        Statement upsert = file[
            $"""
            INSERT INTO locks (namespace, name, garbage_from, {Columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (namespace, name) DO UPDATE SET
                garbage_from = excluded.garbage_from, generation = excluded.generation, keep_until = excluded.keep_until,
                published_generation = excluded.published_generation, published_nonce = excluded.published_nonce, node = excluded.node,
                nonce = excluded.nonce, started = excluded.started, lock_timeout = excluded.lock_timeout, taken_over = excluded.taken_over,
                lease = excluded.lease, deadline = excluded.deadline, outcome_generation = excluded.outcome_generation,
                outcome_kind = excluded.outcome_kind, published_at = excluded.published_at, fresh_for = excluded.fresh_for,
                hand_over_for = excluded.hand_over_for, outcome = excluded.outcome
            """].Set(ns).Set(key).Set(state.GarbageFrom);
        upsert.Set(state.FencingToken).Set(state.KeepUntil).Set(state.PublishedFencingToken).Set(state.PublishedNonce);
        SetLock(upsert, state.Lock);
        SetOutcome(upsert, state.Outcome);
        upsert.Run();
    }

    private static void SaveLease(SqliteFile file, long ns, string key, LockState state) =>
        file[
            """
            UPDATE locks SET started = ?, lease = ?, deadline = ?, garbage_from = ?
            WHERE namespace = ? AND name = ?
            """].Set(state.Lock?.Started).Set(state.Lock?.Lease).Set(state.Lock?.Deadline).Set(state.GarbageFrom).Set(ns).Set(key).Run();

    /// <summary>
    /// Drops some of the records in which nothing has mattered for a while. Not that of the key at hand: whoever repeats a publication long after is
    /// told that it was accepted, as by the other stores.
    /// </summary>
    public static void Sweep(SqliteFile file, long ns, string key, long now)
    {
        Span<long> old = stackalloc long[2];
        int count = 0;
        using (Statement rows = file["SELECT key FROM locks WHERE garbage_from <= ? AND NOT (namespace = ? AND name = ?) ORDER BY garbage_from LIMIT 2"]
            .Set(now - Respite).Set(ns).Set(key))
        {
            while (rows.Step()) old[count++] = rows.Long(0);
        }

        foreach (long row in old[..count])
        {
            OutcomeRows.Delete(file, row);
            file["DELETE FROM locks WHERE key = ?"].Set(row).Run();
        }
    }

    /// <summary>Drops what is kept of a key, unless it is locked.</summary>
    public static void Drop(SqliteFile file, long ns, string key)
    {
        if (Find(file, ns, key) is not { Lock: null } state) return;
        OutcomeRows.Save(file, ns, key, state.Outcome, null);
        file["DELETE FROM locks WHERE namespace = ? AND name = ?"].Set(ns).Set(key).Run();
    }

    /// <summary>The next keys of a namespace, by name: as many as have <paramref name="maxBytes"/> bytes in their outcomes.</summary>
    /// <returns>The keys, and the last of them if there are more.</returns>
    public static (IReadOnlyList<(string Key, LockState State)> Rows, string? Next) Page(SqliteFile file, long ns, string? after, int limit, int maxBytes)
    {
        var page = new List<(string Key, LockState State)>();
        int bytes = 0;
        using Statement rows = file[
            $"""
            SELECT (SELECT length(o.data) FROM outcomes o WHERE o.key = locks.key), name, {Columns} FROM locks
            WHERE namespace = ? AND name > ? ORDER BY name LIMIT ?
            """].Set(ns).Set(after ?? "").Set(limit + 1);
        while (rows.Step())
        {
            LockState state = Read(rows, 2);
            bytes += state.Outcome?.Data?.Length ?? rows.Int(0);
            if (page.Count == limit || (page.Count > 0 && bytes > maxBytes)) return (page, page[^1].Key);
            page.Add((rows.Text(1), state));
        }

        return (page, null);
    }

    /// <summary>The next keys of a namespace that are locked, by name.</summary>
    public static LockerPage List(SqliteFile file, string ns, string? after, int limit, long now)
    {
        var items = new List<KeySnapshot>();
        string? last = null;
        int looked = 0;
        using Statement rows = file[
            $"""
            SELECT name, {Columns} FROM locks
            WHERE namespace = (SELECT id FROM lock_namespaces WHERE name = ?) AND name > ? AND node IS NOT NULL ORDER BY name LIMIT ?
            """].Set(ns).Set(after ?? "").Set(limit);
        for (; rows.Step(); looked++)
        {
            last = rows.Text(0);
            if (new LockRecord(Read(rows, 1), static () => null).Show(last, now) is { IsLocked: true } snapshot) items.Add(snapshot);
        }

        return new LockerPage(items, looked == limit ? last : null);
    }

    private static LockState Read(Statement row, int first) => new()
    {
        FencingToken = row.Long(first),
        KeepUntil = row.Long(first + 1),
        PublishedFencingToken = row.Long(first + 2),
        PublishedNonce = row.Text(first + 3),
        Lock = row.TextOrNull(first + 4) is { } node
            ? new LockState.Held(
                node, row.Text(first + 5), row.Long(first + 6), row.Long(first + 7), row.Long(first + 8) != 0, row.Long(first + 9), row.Long(first + 10))
            : null,
        Outcome = row.LongOrNull(first + 11) is { } fencingToken
            ? new LockState.Ending(
                fencingToken, (LockerOutcomeKind)row.Int(first + 12), row.BytesOrNull(first + 16), row.Long(first + 13), row.Long(first + 14), row.Long(first + 15))
            : null,
    };

    private static void SetLock(Statement statement, LockState.Held? held) =>
        statement.Set(held?.NodeId).Set(held?.Nonce).Set(held?.Started).Set(held?.LockTimeout)
            .Set(held is null ? null : held.TakenOver ? 1L : 0L).Set(held?.Lease).Set(held?.Deadline);

    private static void SetOutcome(Statement statement, LockState.Ending? outcome) =>
        statement.Set(outcome?.FencingToken).Set((long?)outcome?.Kind).Set(outcome?.PublishedAt).Set(outcome?.FreshFor)
            .Set(outcome?.HandOverFor).Set(outcome?.Data is { } data && OutcomeRows.AreFew(data) ? data : null);
}
