using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>
/// A timer in a transaction of the application: what it does is committed with the transaction, or not at all. It neither commits nor rolls back, and
/// sends every call immediately on the transaction's connection, not gathered with others. Made by <see cref="DistributedTimer.WithTransaction"/>.
/// </summary>
/// <remarks>
/// Like the connection, it is for one caller at a time. An exception of the store leaves the transaction aborted: roll it back, or return to a
/// savepoint that was set before the call. Two transactions that post the same id wait for each other.
/// </remarks>
public sealed class TransactionalTimer
{
    private readonly DbTransaction _transaction;
    private readonly LatchworkStore _store;
    private readonly PartitionClients _clients;
    private readonly TimerSettings _settings;

    internal TransactionalTimer(DbTransaction transaction, LatchworkStore store, PartitionClients clients, TimerSettings settings) =>
        (_transaction, _store, _clients, _settings) = (transaction, store, clients, settings);

    /// <summary>Posts an event of bytes.</summary>
    /// <param name="payload">Its bytes: at most <see cref="TimerOptions.MaxPayloadBytes"/>.</param>
    /// <param name="due">When it is due. A delay counts from this call, not from the commit.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>The id, and what the post does if the transaction is committed.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public async Task<PostResult> PostAsync(ReadOnlyMemory<byte> payload, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) =>
        (await PostEntriesAsync([TimerEntries.Create(payload, due, options, _settings)], cancellationToken).ConfigureAwait(false))[0];

    /// <inheritdoc cref="PostAsync(ReadOnlyMemory{byte}, Due, PostOptions?, CancellationToken)"/>
    public Task<PostResult> PostAsync(byte[] payload, Due due, PostOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(payload);
        return PostAsync(new ReadOnlyMemory<byte>(payload), due, options, cancellationToken);
    }

    /// <summary>Posts an event as JSON.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="due">When it is due. A delay counts from this call, not from the commit.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>The id, and what the post does if the transaction is committed.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public Task<PostResult> PostAsync<T>(T value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) =>
        // Bytes are bytes, however they are held: never base64 in JSON by accident.
        value is Memory<byte> bytes
            ? PostAsync((ReadOnlyMemory<byte>)bytes, due, options, cancellationToken)
            : PostAsync(PayloadSerializer.Write(value, _settings.Json), due, options, cancellationToken);

    /// <summary>Posts an event as JSON, without reflection.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="typeInfo">How to write it.</param>
    /// <param name="due">When it is due. A delay counts from this call, not from the commit.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>The id, and what the post does if the transaction is committed.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public Task<PostResult> PostAsync<T>(T value, JsonTypeInfo<T> typeInfo, Due due, PostOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return PostAsync(PayloadSerializer.Write(value, typeInfo), due, options, cancellationToken);
    }

    /// <summary>Posts many events. They are sent in the order of their ids, so that transactions that post several of the same ids do not wait for each other in a circle.</summary>
    /// <param name="posts">The events. Of those with the same id the last one stands.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>A result for each event, in the order of <paramref name="posts"/>.</returns>
    /// <exception cref="ArgumentException">An event is out of its bounds; nothing was sent.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost> posts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(posts);
        var entries = new TimerEntry[posts.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            TimerPost post = posts[i] ?? throw new ArgumentException($"'posts[{i}]' is null.", nameof(posts));
            try
            {
                entries[i] = TimerEntries.Create(post.Payload, post.Due, post.Options, _settings);
            }
            catch (ArgumentException e)
            {
                throw new ArgumentException($"'posts[{i}]' is refused: {ArgumentFailures.MessageOf(e)}", nameof(posts), e);
            }
        }

        return PostEntriesAsync(entries, cancellationToken);
    }

    /// <summary>Removes a scheduled event, or purges a dead letter.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="revoke">Whether to remove the event even in flight: its handler's token fires after the commit. Default: false.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public async Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        OccurrenceRules.RefuseInTransaction(id);
        ITimerTransactions transactions = Of(_store);
        return await _clients.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } client
            ? await transactions.CancelAsync(_transaction, client.Partition, id, revoke, cancellationToken).ConfigureAwait(false)
            : TimerOutcome.NotFound;
    }

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="due">Its new due time. A delay counts from this call, not from the commit.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or why nothing is changed: <see cref="TimerOutcome.NotFound"/>, <see cref="TimerOutcome.InFlight"/>, <see cref="TimerOutcome.DeadLettered"/>.</returns>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public async Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(id);
        OccurrenceRules.RefuseDelay(id);
        ITimerTransactions transactions = Of(_store);
        return await _clients.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } client
            ? await transactions.ChangeDelayAsync(_transaction, client.Partition, id, due, cancellationToken).ConfigureAwait(false)
            : TimerOutcome.NotFound;
    }

    /// <summary>What a store offers for transactions of the application.</summary>
    /// <exception cref="NotSupportedException">It offers nothing.</exception>
    internal static ITimerTransactions Of(LatchworkStore store) => store.TimerTransactions ?? throw new NotSupportedException(
        $"The store at {store.Description} cannot post or confirm in a transaction of the application. The PostgreSQL store can, in a transaction on its database.");

    private async Task<IReadOnlyList<PostResult>> PostEntriesAsync(TimerEntry[] entries, CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await _clients.GetAsync(cancellationToken).ConfigureAwait(false);
        ITimerTransactions transactions = Of(_store);
        var results = new PostResult[entries.Length];
        int[] order = [.. Enumerable.Range(0, entries.Length)
            .OrderBy(i => PartitionClients.Of(clients, entries[i].Id).Partition.Index).ThenBy(i => entries[i].Id, Utf8Order.Instance)];
        for (int first = 0; first < order.Length;)
        {
            TimerPartition partition = PartitionClients.Of(clients, entries[order[first]].Id).Partition;
            int[] piece = [.. Piece(order, first).TakeWhile(i => PartitionClients.Of(clients, entries[i].Id).Partition == partition)];
            IReadOnlyList<PostOutcome> outcomes =
                await transactions.PostAsync(_transaction, partition, Array.ConvertAll(piece, i => entries[i]), cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < piece.Length; i++) results[piece[i]] = new PostResult(entries[piece[i]].Id, outcomes[i]);
            first += piece.Length;
        }

        return results;

        IEnumerable<int> Piece(int[] all, int from)
        {
            long bytes = 0;
            for (int i = from; i < all.Length && i - from < Limits.MaxBatch; i++)
            {
                bytes += entries[all[i]].Payload.Length;
                if (i > from && bytes > Limits.MaxBatchBytes) yield break;
                yield return all[i];
            }
        }
    }
}
