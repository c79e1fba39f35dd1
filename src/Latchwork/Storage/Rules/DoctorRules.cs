namespace Latchwork.Storage.Rules;

/// <summary>What the doctors of all stores say alike.</summary>
internal static class DoctorRules
{
    /// <summary>Whether a move to a namespace has begun and is not over.</summary>
    /// <param name="import">The mark of a move to it.</param>
    public static bool IsUnderWay(this TransferMark? import) => import is { Phase: TransferPhase.Importing or TransferPhase.Closed };

    /// <summary>Moves that have not come to their end.</summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="seal">The mark of a move from it.</param>
    /// <param name="import">The mark of a move to it.</param>
    public static IEnumerable<DoctorFinding> UnfinishedMoves(TransferUnit unit, TransferMark? seal, TransferMark? import)
    {
        if (seal is { Phase: TransferPhase.Moving }) yield return Unfinished($"to {seal.Place}");
        if (import.IsUnderWay()) yield return Unfinished($"from {import!.Place}");

        DoctorFinding Unfinished(string where) =>
            new(DoctorProblem.UnfinishedMove, unit, [], IsMended: false, $"{where}: run 'latchwork move' again, or with '--abort'");
    }
}
