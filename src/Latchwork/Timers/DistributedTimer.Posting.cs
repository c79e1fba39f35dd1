using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Diagnostics;
using Latchwork.Storage;

namespace Latchwork;

public sealed partial class DistributedTimer
{
    /// <summary>Posts an event of bytes.</summary>
    /// <param name="payload">Its bytes: at most <see cref="TimerOptions.MaxPayloadBytes"/>. Not to be changed before the returned task has ended.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A post that was sent may still take effect.</param>
    /// <returns>The id, and what the post did.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. A post whose outcome is unknown is not repeated.</exception>
    public Task<PostResult> PostAsync(ReadOnlyMemory<byte> payload, Due due, PostOptions? options = null, CancellationToken cancellationToken = default)
    {
        TimerEntry entry = TimerEntries.Create(payload, due, options, _settings);
        return Tracing.Source.HasListeners() ? PostTracedAsync(entry, cancellationToken) : PostEntryAsync(entry, cancellationToken);
    }

    /// <inheritdoc cref="PostAsync(ReadOnlyMemory{byte}, Due, PostOptions?, CancellationToken)"/>
    public Task<PostResult> PostAsync(byte[] payload, Due due, PostOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(payload);
        return PostAsync(new ReadOnlyMemory<byte>(payload), due, options, cancellationToken);
    }

    /// <summary>Posts an event as JSON; bytes, however they are held (an <see cref="ArraySegment{T}"/>, say), are posted as they are.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A post that was sent may still take effect.</param>
    /// <returns>The id, and what the post did.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. A post whose outcome is unknown is not repeated.</exception>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public Task<PostResult> PostAsync<T>(T value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) =>
        RawBytes.TryGet(value, out ReadOnlyMemory<byte> bytes)
            ? PostAsync(bytes, due, options, cancellationToken)
            : PostAsync(PayloadSerializer.Write(value, _settings.Json), due, options, cancellationToken);

    /// <summary>Posts an event as JSON, without reflection.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="typeInfo">How to write it.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A post that was sent may still take effect.</param>
    /// <returns>The id, and what the post did.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. A post whose outcome is unknown is not repeated.</exception>
    public Task<PostResult> PostAsync<T>(T value, JsonTypeInfo<T> typeInfo, Due due, PostOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return PostAsync(PayloadSerializer.Write(value, typeInfo), due, options, cancellationToken);
    }

    /// <summary>
    /// Posts many events, in bounded pieces that overlap. Each piece is atomic, the whole is not. Of events with the same id the last one stands,
    /// as if they had been posted one by one.
    /// </summary>
    /// <param name="posts">The events.</param>
    /// <param name="cancellationToken">Stops sending further pieces. Those that were sent are waited for.</param>
    /// <returns>A result for each event, in order; also if the token fired when all of them had been sent.</returns>
    /// <exception cref="ArgumentException">An event is out of its bounds; nothing was sent.</exception>
    /// <exception cref="TimerBatchException">
    /// Some piece failed, or the token fired when some had been sent (the inner exception is an <see cref="OperationCanceledException"/> then); its
    /// <see cref="TimerBatchException.Results"/> tell what is known of each event.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token fired before anything was sent.</exception>
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

        return Tracing.Source.HasListeners() ? PostAllTracedAsync(entries, cancellationToken) : PostAllAsync(entries, cancellationToken);
    }

    /// <summary>
    /// This timer in a transaction of the application, on the store's database: what is posted, cancelled or changed through it is committed with the
    /// transaction, or not at all. With Entity Framework Core: <c>timer.WithTransaction(db.Database.CurrentTransaction!.GetDbTransaction())</c>.
    /// </summary>
    /// <param name="transaction">The transaction. It is neither committed nor rolled back.</param>
    /// <returns>A view for as long as the transaction is open. Its calls throw <see cref="NotSupportedException"/> if the store cannot do this: only the PostgreSQL store can.</returns>
    public TransactionalTimer WithTransaction(System.Data.Common.DbTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return new TransactionalTimer(transaction, _latchworkStore, _clients, _settings);
    }

    private Task<PostResult> PostEntryAsync(TimerEntry entry, CancellationToken cancellationToken) =>
        HeldHere(entry) is { } held ? PostOverAsync(held, entry, cancellationToken) : SendAsync(entry, cancellationToken);

    private Task<PostResult> SendAsync(TimerEntry entry, CancellationToken cancellationToken) => _clients.Opened is { } clients
        ? PartitionClients.Of(clients, entry.Id).Posts.AddAsync(entry, cancellationToken)
        : OpenAndPostAsync(entry, cancellationToken);

    /// <summary>What this node holds of an event that is about to be replaced.</summary>
    private TimerDelivery? HeldHere(TimerEntry entry) => entry.IdIsNew || entry.IfExists != IfExists.Replace ? null : _membership?.Find(entry.Id);

    // Its handler is notified before the caller is answered, and does not begin any more: the store's notification may take a while.
    private async Task<PostResult> PostOverAsync(TimerDelivery held, TimerEntry entry, CancellationToken cancellationToken)
    {
        PostResult result = await SendAsync(entry, cancellationToken).ConfigureAwait(false);
        if (result.Outcome == PostOutcome.Replaced) held.Supersede();
        return result;
    }

    private async Task<PostResult> PostTracedAsync(TimerEntry entry, CancellationToken cancellationToken)
    {
        Activity? activity = Tracing.StartPost(Namespace);
        using SpanEnd end = activity.EndWithBlock();
        activity?.SetTag(Names.MessageId, entry.Id);
        try
        {
            PostResult result = await PostEntryAsync(Tracing.Inject(entry), cancellationToken).ConfigureAwait(false);
            activity?.SetTag(Names.Outcome, Names.Of(result.Outcome));
            return result;
        }
        catch (Exception e)
        {
            activity?.Fail(e);
            throw;
        }
    }

    private async Task<IReadOnlyList<PostResult>> PostAllTracedAsync(TimerEntry[] entries, CancellationToken cancellationToken)
    {
        Activity? activity = Tracing.StartPost(Namespace);
        using SpanEnd end = activity.EndWithBlock();
        activity?.SetTag(Names.BatchCount, entries.Length);
        try
        {
            return await PostAllAsync(Array.ConvertAll(entries, Tracing.Inject), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            activity?.Fail(e);
            throw;
        }
    }

    private async Task<IReadOnlyList<PostResult>> PostAllAsync(TimerEntry[] entries, CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await _clients.GetAsync(cancellationToken).ConfigureAwait(false);
        TimerDelivery?[]? held = _membership is null ? null : Array.ConvertAll(entries, HeldHere);
        var batch = new BatchPost(_store, clients, entries, _clients.Closed);
        try
        {
            return await batch.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            for (int i = 0; i < held?.Length; i++)
            {
                if (batch.Results[i] is { Outcome: PostOutcome.Replaced }) held[i]?.Supersede();
            }
        }
    }

    private async Task<PostResult> OpenAndPostAsync(TimerEntry entry, CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await _clients.GetAsync(cancellationToken).ConfigureAwait(false);
        return await PartitionClients.Of(clients, entry.Id).Posts.AddAsync(entry, cancellationToken).ConfigureAwait(false);
    }
}
