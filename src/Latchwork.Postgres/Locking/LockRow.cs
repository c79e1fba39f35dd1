using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Locking;

/// <summary>What was read of a key: its namespace, the time, and its record.</summary>
/// <param name="NamespaceId">The number of its namespace.</param>
/// <param name="Marks">Whether that is being moved.</param>
/// <param name="Now">The time, in µs.</param>
/// <param name="Version">The version of the record; null if there is none.</param>
/// <param name="IsAwaited">Whether somebody is to be notified.</param>
/// <param name="State">The record; null if there is none. The bytes of its outcome are not in it.</param>
internal sealed record LockRow(int NamespaceId, TransferMarks Marks, long Now, long? Version, bool IsAwaited, LockState? State)
{
    /// <summary>The columns of a record; <c>l</c> are the locks.</summary>
    public const string Columns =
        """
        l.version, l.is_awaited, l.generation, l.keep_until, l.published_generation, l.published_nonce, l.node, l.nonce, l.started, l.lock_timeout, l.taken_over,
        l.lease, l.deadline, l.outcome_generation, l.outcome_kind, l.published_at, l.fresh_for, l.hand_over_for
        """;

    private const string Find =
        $"""
        SELECT n.id, n.format, n.seal, n.import, @schema@.clock($3), {Columns}
        FROM @schema@.lock_namespaces n LEFT JOIN @schema@.locks l ON l.namespace_id = n.id AND l.name = $2 WHERE n.name = $1
        """;

    private static readonly TransferMarks _noMarks = new(null, null);

    /// <summary>The statement that reads a key; <c>FOR UPDATE</c> if its row is to be locked.</summary>
    public static SqlStatement Statement(LockerKey key, PostgresSettings settings) =>
        new SqlStatement(Find, isFrequent: true).With(Utf8.Bytes(key.Namespace)).With(Utf8.Bytes(key.Key)).With(settings.Clock);

    /// <summary>Reads a key.</summary>
    /// <returns>What is known of it; null if there is no such namespace.</returns>
    public static LockRow? Read(NpgsqlDataReader row, string ns)
    {
        CheckFormat(ns, row.GetInt32(1));
        TransferMarks marks = row.IsDBNull(2) && row.IsDBNull(3) ? _noMarks : new(TransferMark.Parse(Text(row, 2)), TransferMark.Parse(Text(row, 3)));
        bool exists = !row.IsDBNull(5);
        return new LockRow(row.GetInt32(0), marks, row.GetInt64(4), exists ? row.GetInt64(5) : null, exists && row.GetBoolean(6), exists ? ReadState(row, 5) : null);
    }

    /// <summary>Refuses a format that this program does not know.</summary>
    public static void CheckFormat(string ns, int format)
    {
        if (format == PostgresLockerStore.Format) return;
        throw PostgresFailures.Refuse($"The lock namespace '{ns}' has format {format}; this program works with format {PostgresLockerStore.Format}. Update this program.");
    }

    /// <summary>Reads what <see cref="Columns"/> selects, from a column on.</summary>
    public static LockState ReadState(NpgsqlDataReader row, int first) => new()
    {
        FencingToken = row.GetInt64(first + 2),
        KeepUntil = row.GetInt64(first + 3),
        PublishedFencingToken = row.GetInt64(first + 4),
        PublishedNonce = Utf8.Text(row.GetFieldValue<byte[]>(first + 5)),
        Lock = row.IsDBNull(first + 6)
            ? null
            : new LockState.Held(
                Utf8.Text(row.GetFieldValue<byte[]>(first + 6)), Utf8.Text(row.GetFieldValue<byte[]>(first + 7)), row.GetInt64(first + 8), row.GetInt64(first + 9),
                row.GetBoolean(first + 10), row.GetInt64(first + 11), row.GetInt64(first + 12)),
        Outcome = row.IsDBNull(first + 13)
            ? null
            : new LockState.Ending(
                row.GetInt64(first + 13), (LockerOutcomeKind)row.GetInt32(first + 14), null, row.GetInt64(first + 15), row.GetInt64(first + 16), row.GetInt64(first + 17)),
    };

    /// <summary>Refuses what has no place in a namespace that is being moved.</summary>
    public LockRow Unsealed(string ns) => Marks.Seal is null ? this : throw MaintenanceRules.Refuse(new NamespaceRef(TransferKind.Locks, ns), Marks.Seal);

    /// <summary>The statement that writes the key down, if nobody else did meanwhile.</summary>
    /// <param name="key">The key.</param>
    /// <param name="after">What is to be kept. An outcome without bytes keeps those that are there.</param>
    /// <param name="isAwaited">Whether somebody is to be notified.</param>
    /// <param name="message">What to send; null for nothing.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="wait">How long to wait for the row, in ms; null as long as the caller's transaction does.</param>
    public SqlStatement Write(string key, LockState after, bool isAwaited, string? message, PostgresSettings settings, int? wait)
    {
        LockState.Held? held = after.Lock;
        LockState.Ending? outcome = after.Outcome;
        bool keepsBytes = outcome is { Data: null } && State?.Outcome is not null;
        return new SqlStatement(
            """
            SELECT @schema@.lock_write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)
            """,
            isFrequent: true)
            .With(settings.Clock).With(wait).With(NamespaceId).With(Marks.Seal?.ToString()).With(Utf8.Bytes(key)).With(Version).With(isAwaited).With(message)
            .With(after.FencingToken).With(after.KeepUntil).With(after.GarbageFrom).With(after.PublishedFencingToken).With(Utf8.Bytes(after.PublishedNonce))
            .With(held is null ? null : Utf8.Bytes(held.NodeId)).With(held is null ? null : Utf8.Bytes(held.Nonce)).With(held?.Started).With(held?.LockTimeout)
            .With(held?.TakenOver).With(held?.Lease).With(held?.Deadline)
            .With(outcome?.FencingToken).With((int?)outcome?.Kind).With(outcome?.PublishedAt).With(outcome?.FreshFor).With(outcome?.HandOverFor).With(outcome?.UsableUntil)
            .With(outcome?.Data).With(keepsBytes);
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
