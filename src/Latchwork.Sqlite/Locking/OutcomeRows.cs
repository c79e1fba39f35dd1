using Latchwork.Sqlite.Database;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Locking;

/// <summary>The bytes of large outcomes, apart from the records of their keys, and until when somebody may ask for them.</summary>
internal static class OutcomeRows
{
    /// <summary>The most bytes that are kept with the record. As in Redis; a record with them fits into a page.</summary>
    private const int Few = 1_024;

    public static bool AreFew(byte[] data) => data.Length <= Few;

    /// <summary>The bytes of a key's outcome; null if there are none.</summary>
    public static byte[]? Read(SqliteFile file, long ns, string key)
    {
        using Statement row = file["SELECT data FROM outcomes WHERE key = (SELECT key FROM locks WHERE namespace = ? AND name = ?)"].Set(ns).Set(key);
        return row.Step() ? row.Bytes(0) : null;
    }

    /// <summary>Writes down what changed about the outcome of a key, whose record was saved before.</summary>
    public static void Save(SqliteFile file, long ns, string key, LockState.Ending? before, LockState.Ending? after)
    {
        if (after is { Data: { } data } && !AreFew(data))
        {
            file["INSERT OR REPLACE INTO outcomes (key, usable_until, data) SELECT key, ?, ? FROM locks WHERE namespace = ? AND name = ?"]
                .Set(after.UsableUntil).Set(data).Set(ns).Set(key).Run();
        }
        else if (before is { Data: null } && after is not { Data: null })
        {
            file["DELETE FROM outcomes WHERE key = (SELECT key FROM locks WHERE namespace = ? AND name = ?)"].Set(ns).Set(key).Run();
        }
        else if (after is { Data: null } && after.UsableUntil != before?.UsableUntil)
        {
            // The clock went back: its time was cut.
            file["UPDATE outcomes SET usable_until = ? WHERE key = (SELECT key FROM locks WHERE namespace = ? AND name = ?)"]
                .Set(after.UsableUntil).Set(ns).Set(key).Run();
        }
    }

    public static void Delete(SqliteFile file, long key) => file["DELETE FROM outcomes WHERE key = ?"].Set(key).Run();

    /// <summary>Drops outcomes that nobody can ask for any more, and with the bytes what the records say of them.</summary>
    /// <returns>How many were dropped.</returns>
    public static int Sweep(SqliteFile file, long now, int limit)
    {
        Span<long> over = stackalloc long[limit];
        int count = 0;
        using (Statement rows = file["SELECT key FROM outcomes WHERE usable_until <= ? ORDER BY usable_until LIMIT ?"].Set(now).Set(limit))
        {
            while (rows.Step()) over[count++] = rows.Long(0);
        }

        foreach (long key in over[..count])
        {
            Delete(file, key);
            file[
                """
                UPDATE locks SET outcome_generation = NULL, outcome_kind = NULL, published_at = NULL, fresh_for = NULL, hand_over_for = NULL
                WHERE key = ? AND outcome IS NULL
                """].Set(key).Run();
        }

        return count;
    }

    /// <summary>When the next outcome can be dropped; null if there is none.</summary>
    public static long? Next(SqliteFile file)
    {
        using Statement row = file["SELECT min(usable_until) FROM outcomes"];
        return row.Step() ? row.LongOrNull(0) : null;
    }
}
