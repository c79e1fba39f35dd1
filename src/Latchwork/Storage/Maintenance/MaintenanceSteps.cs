using Latchwork.Storage.Rules;

namespace Latchwork.Storage.Maintenance;

/// <summary>The steps of <see cref="IStoreMaintenance"/> in the stores that make each in one transaction. (Redis has them in its scripts.)</summary>
internal static class MaintenanceSteps
{
    /// <summary>The most entries of the journal that one step drops.</summary>
    public const int MaxDropped = 2_000;

    /// <summary>See <see cref="IStoreMaintenance.CloseAsync"/>.</summary>
    public static CloseAnswer Close(IMaintainedNamespace ns, string moveId, string target, bool checkOnly)
    {
        if (ns.Marks.Seal is { } earlier) return new CloseAnswer(earlier, [], TimeSpan.Zero);
        (string[] listeners, TimeSpan leaseLeft) = (ns.Listeners, ns.LeaseLeft);
        if (checkOnly || listeners.Length > 0 || leaseLeft > TimeSpan.Zero) return new CloseAnswer(null, listeners, leaseLeft);
        var seal = new TransferMark(TransferPhase.Moving, moveId, ns.Count, target);
        ns.Marks = ns.Marks with { Seal = seal };
        return new CloseAnswer(seal, [], TimeSpan.Zero);
    }

    /// <summary>See <see cref="IStoreMaintenance.SwitchAsync"/>.</summary>
    public static bool Switch(IMaintainedNamespace ns, TransferMarks expected, TransferMarks wanted)
    {
        if (ns.Marks != expected) return false;
        bool ends = wanted.Seal is { Phase: TransferPhase.Moved } && wanted.Seal != expected.Seal;
        if (ends && !ns.IsEmpty) return false;
        ns.Marks = wanted;
        if (ends) ns.ClearHistory();
        if (wanted.EndsSeal(expected)) ns.ClearCounts();
        ns.AddCounts(wanted);
        return true;
    }

    /// <summary>See <see cref="IStoreMaintenance.DropTimersAsync"/>.</summary>
    public static NamespaceDrop Drop(IMaintainedNamespace ns, bool force)
    {
        RefuseIfClosed(ns);
        if (ns.Marks.Import.IsUnderWay()) throw MaintenanceRules.RefuseDrop(ns.Unit.Namespace, ns.Marks.Import!);
        (string[] listeners, long events) = (ns.Listeners, ns.Count);
        if (listeners.Length > 0 || (events > 0 && !force)) return new NamespaceDrop(false, events, listeners);
        ns.Delete();
        return new NamespaceDrop(true, events, []);
    }

    /// <summary>Refuses a mover whose move is not the one that the namespace is closed for.</summary>
    public static void CheckClosedFor(IMaintainedNamespace ns, string moveId)
    {
        if (ns.Marks.Seal?.MoveId != moveId) throw MaintenanceRules.NotSealed(ns.Unit, ns.Marks.Seal);
    }

    /// <summary>Whether an import is open for a move.</summary>
    /// <exception cref="LatchworkStoreException">The namespace is itself closed.</exception>
    public static bool TakesIn(IMaintainedNamespace ns, string moveId)
    {
        RefuseIfClosed(ns);
        return ns.Marks.Import is { Phase: TransferPhase.Importing } import && import.MoveId == moveId;
    }

    /// <summary>What is to be done with events that come: taken in are those that are <see cref="ImportOutcome.Imported"/>, unless there is a conflict.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="moveId">The move.</param>
    /// <param name="events">The events.</param>
    /// <param name="isInJournal">Whether the journal has an id.</param>
    /// <param name="isTaken">Whether an event, or the record of a schedule, has an id.</param>
    public static ImportOutcome[] Judge(IMaintainedNamespace ns, string moveId, IReadOnlyList<TransferEvent> events, Func<string, bool> isInJournal, Func<string, bool> isTaken)
    {
        bool isOpen = TakesIn(ns, moveId);

        // One that came before is known even where the import is closed: whoever aborts a move asks for that.
        bool isSame = ns.Marks.Import?.MoveId == moveId;
        return [.. events.Select(one => isSame && isInJournal(one.Id) ? ImportOutcome.Known
            : !isOpen ? ImportOutcome.Closed
            : isTaken(one.Id) ? ImportOutcome.Conflict
            : ImportOutcome.Imported)];
    }

    /// <summary>The import counts events that came.</summary>
    public static void CountImported(IMaintainedNamespace ns, int count) => ns.Marks = ns.Marks with { Import = ns.Marks.Import! with { Count = ns.Marks.Import.Count + count } };

    private static void RefuseIfClosed(IMaintainedNamespace ns)
    {
        if (ns.Marks.Seal is { } seal) throw MaintenanceRules.Refuse(ns.Unit, seal);
    }
}
