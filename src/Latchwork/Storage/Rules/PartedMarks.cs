namespace Latchwork.Storage.Rules;

/// <summary>The marks of a move of a namespace of several partitions, each of which has its own.</summary>
/// <remarks>
/// A step of a move changes the marks of one partition after the other, always in the same order; each only from what was read to what is
/// wanted. So the last partition is where the namespace is: if a step was cut off, some of the others are one step ahead of it, and the step is
/// made again, which changes nothing where it was made. A namespace that is closed in part counts as closed, so that an abort opens it.
/// </remarks>
internal static class PartedMarks
{
    /// <summary>The marks of the namespace; the counts are those of all partitions together.</summary>
    public static TransferMarks Whole(TransferMarks[] parts)
    {
        TransferMark? seal = parts[^1].Seal ?? Array.Find(parts, static part => part.Seal is not null)?.Seal;
        TransferMark? import = parts[^1].Import;
        return new TransferMarks(
            seal is null ? null : seal with { Count = parts.Sum(part => part.Seal?.MoveId == seal.MoveId ? part.Seal.Count : 0) },
            import is null ? null : import with { Count = parts.Sum(part => part.Import?.MoveId == import.MoveId ? part.Import.Count : 0) })
        { Pause = parts[^1].Pause };
    }

    /// <summary>What the marks of one partition are to be when those of the namespace change; null if a seal were to change that it does not have.</summary>
    public static TransferMarks? Next(TransferMarks part, TransferMarks from, TransferMarks to)
    {
        TransferMark? seal = part.Seal, import = part.Import;
        if (to.Seal != from.Seal)
        {
            if (to.Seal is not null && seal?.MoveId != to.Seal.MoveId) return null;
            seal = to.Seal is null ? null : seal! with { Phase = to.Seal.Phase };
        }

        if (to.Import != from.Import)
        {
            if (to.Import is null) import = null;
            else import = import?.MoveId == to.Import.MoveId ? import with { Phase = to.Import.Phase } : to.Import with { Count = 0 };
        }

        return new TransferMarks(seal, import) { Pause = to.Pause != from.Pause ? to.Pause : part.Pause };
    }
}
