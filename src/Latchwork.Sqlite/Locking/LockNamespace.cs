using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Locking;

/// <summary>A namespace of locks.</summary>
/// <param name="Id">The number by which the table of locks refers to it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Marks">Whether it is being moved.</param>
internal readonly record struct LockNamespace(long Id, string Name, TransferMarks Marks)
{
    private static readonly TransferMarks _none = new(null, null);

    /// <summary>Finds a namespace and checks that this program can work with it.</summary>
    public static LockNamespace? Find(SqliteFile file, string ns)
    {
        using Statement row = file["SELECT id, format, seal, import FROM lock_namespaces WHERE name = ?"].Set(ns);
        if (!row.Step()) return null;
        if (row.Int(1) != SqliteLockerStore.Format)
        {
            throw StoreErrors.Refuse($"The lock namespace '{ns}' has format {row.Int(1)}; this program works with format {SqliteLockerStore.Format}. Update this program.");
        }

        TransferMarks marks = row.IsNull(2) && row.IsNull(3) ? _none : new(TransferMark.Parse(row.TextOrNull(2)), TransferMark.Parse(row.TextOrNull(3)));
        return new LockNamespace(row.Long(0), ns, marks);
    }

    /// <summary>Finds a namespace, or makes it.</summary>
    public static LockNamespace Of(SqliteFile file, string ns)
    {
        if (Find(file, ns) is { } found) return found;
        file["INSERT INTO lock_namespaces (name, format) VALUES (?, ?)"].Set(ns).Set(SqliteLockerStore.Format).Run();
        return new LockNamespace(file.LastKey, ns, _none);
    }

    /// <summary>Refuses what has no place in a namespace that is being moved.</summary>
    public LockNamespace Unsealed() => Marks.Seal is null ? this : throw Refusal();

    /// <summary>What its clients read while it is closed.</summary>
    public LatchworkStoreException Refusal() => MaintenanceRules.Refuse(new NamespaceRef(TransferKind.Locks, Name), Marks.Seal!);

    /// <summary>What its lockers have done.</summary>
    public static LockerStats CountsOf(SqliteFile file, string ns)
    {
        using Statement row = file["SELECT runs, takeovers, failures FROM lock_namespaces WHERE name = ?"].Set(ns);
        return row.Step() ? new LockerStats(row.Long(0), row.Long(1), row.Long(2)) : new LockerStats(0, 0, 0);
    }

    /// <summary>Adds to what its lockers have done.</summary>
    public void Count(SqliteFile file, LockerStats counts) =>
        file["UPDATE lock_namespaces SET runs = runs + ?, takeovers = takeovers + ?, failures = failures + ? WHERE id = ?"]
            .Set(counts.Runs).Set(counts.Takeovers).Set(counts.Failures).Set(Id).Run();

    /// <summary>Counts anew: what was counted has been moved away.</summary>
    public void ClearCounts(SqliteFile file) => file["UPDATE lock_namespaces SET runs = 0, takeovers = 0, failures = 0 WHERE id = ?"].Set(Id).Run();

    public void SetMarks(SqliteFile file, TransferMarks marks) =>
        file["UPDATE lock_namespaces SET seal = ?, import = ? WHERE id = ?"].Set(marks.Seal?.ToString()).Set(marks.Import?.ToString()).Set(Id).Run();
}
