namespace Latchwork.Storage.Rules;

/// <summary>What the doctors of all stores say alike.</summary>
internal static class StoreCheckerRules
{
    /// <summary>Whether a move to a namespace has begun and is not over.</summary>
    /// <param name="import">The mark of a move to it.</param>
    public static bool IsUnderWay(this TransferMark? import) => import is { Phase: TransferPhase.Importing or TransferPhase.Closed };

    /// <summary>Moves that have not come to their end.</summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="seal">The mark of a move from it.</param>
    /// <param name="import">The mark of a move to it.</param>
    public static IEnumerable<StoreFinding> UnfinishedMoves(NamespaceRef unit, TransferMark? seal, TransferMark? import)
    {
        if (seal is { Phase: TransferPhase.Moving }) yield return Unfinished($"to {seal.Place}");
        if (import.IsUnderWay()) yield return Unfinished($"from {import!.Place}");

        StoreFinding Unfinished(string where) =>
            new(StoreProblem.UnfinishedMove, unit, [], IsRepaired: false, $"{where}: run 'latchwork move' again, or with '--abort'");
    }
}
