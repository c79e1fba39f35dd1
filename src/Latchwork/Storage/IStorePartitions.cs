using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>Changing the number of partitions of timer namespaces, for stores that keep them in partitions.</summary>
[Experimental("LATCHWORK001")]
public interface IStorePartitions
{
    /// <summary>
    /// Gives a namespace another number of partitions. From its first step to its last every client is refused, and who has the former number for
    /// ever. If it ends before its end (an exception, a killed process, a lost connection), the namespace stays closed, nothing is lost, and the
    /// same call again continues; a call with the former number turns back.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="partitions">The number of partitions: 1 to 1,024.</param>
    /// <param name="progress">Is told how many events were moved from one partition to another; may be null.</param>
    /// <param name="cancellationToken">Ends it before its end.</param>
    /// <returns>What was done; null if there is no such namespace.</returns>
    /// <exception cref="LatchworkStoreException">The store failed, or refused.</exception>
    Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken);
}

/// <summary>What became of a change of the number of partitions.</summary>
/// <param name="From">The number before (equal to <paramref name="To"/> if there was nothing to do).</param>
/// <param name="To">The number that was asked for.</param>
/// <param name="Moved">How many events went to another partition in this call.</param>
/// <param name="Obstacle">Why it cannot be done as things are, and what to do; null: it was done.</param>
/// <param name="Doubled">
/// Ids that were in the partition to which they belong and in another one besides (a damage); of those the copy in the right one is kept. At most 20.
/// </param>
[Experimental("LATCHWORK001")]
public sealed record PartitionChange(int From, int To, long Moved, string? Obstacle, IReadOnlyList<string> Doubled);
