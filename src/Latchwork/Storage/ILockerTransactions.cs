using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>Locker operations as a part of a transaction of the application, on its connection. None commits, rolls back, or opens another connection.</summary>
/// <remarks>A method throws <see cref="LatchworkStoreException"/> when the store cannot answer or refuses. The transaction is aborted then, as after any error.</remarks>
[Experimental("LATCHWORK001")]
public interface ILockerTransactions
{
    /// <summary>Publishes an outcome and frees the key, with the commit. Until then nobody else can change the key, even after the end of its lease.</summary>
    /// <param name="transaction">The application's transaction.</param>
    /// <param name="key">The key.</param>
    /// <param name="publication">The outcome, and whose it is.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the lock is not that owner's any more; nothing was changed.</returns>
    Task<PublishOutcome> PublishAsync(DbTransaction transaction, LockerKey key, LockerPublication publication, CancellationToken cancellationToken);
}
