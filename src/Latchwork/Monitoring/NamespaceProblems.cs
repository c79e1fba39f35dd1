namespace Latchwork.Monitoring;

/// <summary>What an operator should know of a timer namespace. The values are in order of weight.</summary>
[Flags]
internal enum NamespaceProblems
{
    None = 0,

    /// <summary>Somebody paused it: nothing is delivered, as was wished.</summary>
    Paused = 1,

    /// <summary>There are dead letters.</summary>
    DeadLetters = 2,

    /// <summary>Events wait for their time, and nobody listens.</summary>
    NoListener = 4,

    /// <summary>A node fell silent in the last hour while it held deliveries, without leaving.</summary>
    SilentNode = 8,

    /// <summary>Dead letters have been added in the last minutes.</summary>
    DeadLettersGrowing = 16,

    /// <summary>The oldest event has been due for longer than <see cref="NamespaceRow.OverdueAfter"/>, and the namespace is not paused.</summary>
    Overdue = 32,

    /// <summary>The store refuses operations on it: it was moved away, say, or has a layout that this version does not know.</summary>
    Refused = 64,
}
