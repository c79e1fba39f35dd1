namespace Latchwork.Storage.Maintenance;

/// <summary>
/// A namespace within a transaction that no other step enters: what <see cref="MaintenanceSteps"/> decides on, for the stores that make each step of
/// <see cref="IStoreMaintenance"/> in one.
/// </summary>
internal interface IMaintainedNamespace
{
    /// <summary>The namespace.</summary>
    NamespaceRef Unit { get; }

    /// <summary>Its marks; what is set is stored.</summary>
    TransferMarks Marks { get; set; }

    /// <summary>The events of every state and the records of schedules; of locks zero.</summary>
    long Count { get; }

    /// <summary>Whether it holds nothing that a move would have to take along: no event, no schedule, no key.</summary>
    bool IsEmpty { get; }

    /// <summary>The nodes that listen, at most <see cref="Rules.MaintenanceRules.MaxNamed"/>; of locks none.</summary>
    string[] Listeners { get; }

    /// <summary>The time until the last lease of the events in flight runs out; zero if none runs, and of locks.</summary>
    TimeSpan LeaseLeft { get; }

    /// <summary>Deletes the history: it has been moved.</summary>
    void ClearHistory();

    /// <summary>Counts anew: what was counted has been moved away.</summary>
    void ClearCounts();

    /// <summary>Adds the counters that the marks bring.</summary>
    /// <param name="marks">The marks.</param>
    void AddCounts(TransferMarks marks);

    /// <summary>Deletes all of it.</summary>
    void Delete();
}
