using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Latchwork;

/// <summary>
/// The durable timers of one kind of event: what services inject to post, cancel and look. Registered by
/// <see cref="LatchworkBuilder.AddTimer{TEvent}(string, Action{TimerOptions}?)"/> and its kin.
/// </summary>
/// <remarks>
/// Everything else of the namespace (dead letters, nodes, batches of bytes) is found on its <see cref="DistributedTimer"/>, which is
/// registered with the namespace as its key.
/// </remarks>
/// <typeparam name="TEvent">The kind of event. Its name is not stored: it may be renamed and moved.</typeparam>
public interface IDistributedTimer<TEvent>
{
    /// <summary>The namespace.</summary>
    [SuppressMessage("Naming", "CA1716", Justification = "It is what everything else calls it.")]
    string Namespace { get; }

    /// <summary>Posts an event.</summary>
    /// <param name="value">The event.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A post that was sent may still take effect.</param>
    /// <returns>The id, and what the post did.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. A post whose outcome is unknown is not repeated.</exception>
    Task<PostResult> PostAsync(TEvent value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Posts many events, in bounded pieces that overlap. Each piece is atomic, the whole is not.</summary>
    /// <param name="posts">The events.</param>
    /// <param name="cancellationToken">Stops sending further pieces. Those that were sent are waited for.</param>
    /// <returns>A result for each event, in order; also if the token fired when all of them had been sent.</returns>
    /// <exception cref="ArgumentException">An event is out of its bounds; nothing was sent.</exception>
    /// <exception cref="TimerBatchException">
    /// Some piece failed, or the token fired when some had been sent (the inner exception is an <see cref="OperationCanceledException"/> then); its
    /// <see cref="TimerBatchException.Results"/> tell what is known of each event.
    /// </exception>
    /// <exception cref="OperationCanceledException">The token fired before anything was sent.</exception>
    Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost<TEvent>> posts, CancellationToken cancellationToken = default);

    /// <summary>The same in a transaction of the application: what is done there is committed with the transaction, or not at all. PostgreSQL only (docs/outbox.md).</summary>
    /// <param name="transaction">
    /// The transaction, on the store's database; with Entity Framework Core <c>Database.CurrentTransaction!.GetDbTransaction()</c>. It is neither committed nor rolled back.
    /// </param>
    /// <returns>A view for this transaction: for one caller at a time, like its connection.</returns>
    ITransactionalTimer<TEvent> WithTransaction(DbTransaction transaction);

    /// <summary>Cancels an event: a scheduled one is removed, a dead letter is purged.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="revoke">Whether to remove it even in flight; the handler's token fires.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default);

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="due">When it is due now: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/>; or <see cref="TimerOutcome.NotFound"/>, <see cref="TimerOutcome.InFlight"/> or <see cref="TimerOutcome.DeadLettered"/>, and nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default);

    /// <summary>Looks at an event in any state.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The event, or null if it is unknown.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    Task<TimerSnapshot?> PeekAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Lists scheduled events in order of their due times, in pages, for any number of events.</summary>
    /// <param name="offset">Start with what is due this long from now: zero to 100 years. Default: null, the earliest, overdue included.</param>
    /// <param name="duration">The length of the window from there: zero to 100 years. Default: null, to the end.</param>
    /// <param name="limit">The most events. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    IAsyncEnumerable<TimerSnapshot> UpcomingAsync(TimeSpan? offset = null, TimeSpan? duration = null, long? limit = null, CancellationToken cancellationToken = default);

    /// <summary>Lists what is in flight: which node holds it, at which attempt, since when, and for how long its lease still runs.</summary>
    /// <param name="limit">The most events. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events, each once.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    IAsyncEnumerable<TimerSnapshot> InFlightAsync(long? limit = null, CancellationToken cancellationToken = default);

    /// <summary>Lists completed events, the last first: when each was due, claimed and confirmed, by which node. Payloads are not kept, so <see cref="Read"/> cannot read them.</summary>
    /// <param name="limit">The most events. Default: null, all that are kept (<see cref="TimerOptions.CompletedRetention"/>).</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events, each id once.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    IAsyncEnumerable<TimerSnapshot> CompletedAsync(long? limit = null, CancellationToken cancellationToken = default);

    /// <summary>Counts events by state and reads the age of the oldest overdue one.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counts.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    Task<TimerStats> GetStatsAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Pauses the namespace for all nodes, until <see cref="ResumeAsync"/>: nothing is delivered, what no handler has begun is handed back within 250 ms, handlers
    /// that run finish, and posting works. A namespace that is paused already stays as it is.
    /// </summary>
    /// <param name="reason">Why: 0 to 1,024 bytes of UTF-8.</param>
    /// <param name="by">Who: 1 to 512 bytes of UTF-8. Default: null, this node's id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns>The pause in force: this one, or the one before.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. The call can be repeated.</exception>
    Task<TimerPause> PauseAsync(string reason, string? by = null, CancellationToken cancellationToken = default);

    /// <summary>Ends the pause of the namespace, and wakes the nodes that listen.</summary>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns>The pause that was ended; null if the namespace was not paused.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. The call can be repeated.</exception>
    Task<TimerPause?> ResumeAsync(CancellationToken cancellationToken = default);

    /// <summary>Reads the event of a snapshot.</summary>
    /// <param name="snapshot">What <see cref="PeekAsync"/> or <see cref="UpcomingAsync"/> gave.</param>
    /// <returns>The event.</returns>
    /// <exception cref="System.Text.Json.JsonException">The payload is no JSON, not of this type, or the literal null.</exception>
    TEvent Read(TimerSnapshot snapshot);
}

/// <summary>One event of a batch.</summary>
/// <typeparam name="TEvent">The kind of event.</typeparam>
/// <param name="Value">The event.</param>
/// <param name="Due">When it is due.</param>
/// <param name="Options">How it is posted; null for the defaults.</param>
public sealed record TimerPost<TEvent>(TEvent Value, Due Due, PostOptions? Options = null);

/// <summary>
/// Handles the events of one namespace. It is made anew for each delivery, in a scope of its own, unless it was registered with another
/// lifetime before <see cref="LatchworkBuilder.AddTimer{TEvent, THandler}(string, Action{TimerOptions}?)"/> was called.
/// </summary>
/// <typeparam name="TEvent">The kind of event.</typeparam>
public interface ITimerHandler<TEvent>
{
    /// <summary>Handles a delivery. Returning confirms it, throwing spends a retry; the delivery's own methods decide otherwise.</summary>
    /// <param name="value">The event.</param>
    /// <param name="delivery">Its id, retries, lateness, headers and token, and the ways to end it: retry in a while, give up, extend.</param>
    /// <param name="cancellationToken">
    /// Fires when the application begins to stop, or when the event is no longer this node's: the lease is lost, or the event was revoked or
    /// replaced. <see cref="TimerDelivery.StopReason"/> says which; <see cref="TimerDelivery.Lost"/> is for those who want to finish.
    /// </param>
    /// <returns>A task that ends when the event is handled.</returns>
    [SuppressMessage("Naming", "CA1716", Justification = "Only Visual Basic reserves the name, and escapes it.")]
    Task HandleAsync(TEvent value, TimerDelivery delivery, CancellationToken cancellationToken);
}
