namespace Latchwork.Storage.Maintenance;

/// <summary>How to move.</summary>
internal sealed record MoveOptions
{
    /// <summary>How long to wait in all for leases in the source to run out: of events in flight whose nodes are gone, and of locks that are held.</summary>
    public TimeSpan WaitTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Only the namespaces with this name; null for all.</summary>
    public string? Namespace { get; init; }

    /// <summary>The clock of waits, and of the time that events spend on their way.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Is told after every batch: the namespace, how much of it was moved in all, how much there is (0: not known), and what is waited for.</summary>
    public Action<MoveProgress>? Progress { get; init; }

    /// <summary>Is told what became of each namespace, as soon as that is known.</summary>
    public Action<MoveReport>? Report { get; init; }
}

/// <summary>How far it is.</summary>
/// <param name="Unit">The namespace that is being moved.</param>
/// <param name="Moved">The events or keys that were moved.</param>
/// <param name="Total">The events that there are; 0 if it is not known.</param>
/// <param name="WaitsFor">What is waited for, in words; null: nothing.</param>
internal readonly record struct MoveProgress(NamespaceRef Unit, long Moved, long Total, string? WaitsFor);

/// <summary>What became of a namespace.</summary>
internal enum MoveEnd
{
    /// <summary>All of it is in the target; the source is closed and empty.</summary>
    Moved,

    /// <summary>That was so before.</summary>
    MovedBefore,

    /// <summary>It was moved to another store before; nothing was done.</summary>
    Elsewhere,

    /// <summary>The source is open again, with what was still in it.</summary>
    Aborted,

    /// <summary>There was nothing to abort.</summary>
    Untouched,
}

/// <summary>What became of a namespace.</summary>
/// <param name="Unit">The namespace.</param>
/// <param name="End">What became of it.</param>
/// <param name="Count">The events that were moved in all, by this run and those before it; of locks the keys that this run moved.</param>
/// <param name="Place">Where it is now, for <see cref="MoveEnd.Elsewhere"/>.</param>
internal sealed record MoveReport(NamespaceRef Unit, MoveEnd End, long Count, string Place);

/// <summary>A move cannot continue as things are. What was moved stays moved, nothing is lost; the message says what to do.</summary>
internal sealed class MoveRefusedException(string message) : Exception(message);
