using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork;

/// <summary>
/// Durable distributed timers of one namespace. Post an event with a delay from any node; when it is due, exactly one of the nodes that
/// joined gets it, again and again until it is confirmed or its retries are spent; then it is kept as dead.
/// </summary>
/// <remarks>Safe for use by many threads. Posting needs no join.</remarks>
public sealed class DistributedTimer : IAsyncDisposable
{
    /// <summary>Creates a timer on a store. Nothing is sent before the first call.</summary>
    /// <param name="store">The store; it must outlive the timer and is not disposed with it.</param>
    /// <param name="options">The settings; null for the defaults. They are copied.</param>
    /// <exception cref="ArgumentException">A setting is out of its range; all such settings are named.</exception>
    public DistributedTimer(LatchworkStore store, TimerOptions? options = null) => throw new NotImplementedException();

    /// <summary>The namespace.</summary>
    public string Namespace => throw new NotImplementedException();

    /// <summary>This node's id: the given one, or the generated one.</summary>
    public string NodeId => throw new NotImplementedException();

    /// <summary>The most events that one claim takes, 1 to 200. A value ≤ 0 restores the configured one. Takes effect at once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is above 200.</exception>
    public int MaxEvents { get => throw new NotImplementedException(); set => throw new NotImplementedException(); }

    /// <summary>Whether this node is listening.</summary>
    public bool IsJoined => throw new NotImplementedException();

    /// <summary>Dead events: list, requeue, purge.</summary>
    public DeadLetters DeadLetters => throw new NotImplementedException();

    /// <summary>Raised when something failed that no call reports: a handler, a lost lease, a store that does not answer. Handlers must not throw.</summary>
    public event EventHandler<TimerErrorEventArgs>? Error { add => throw new NotImplementedException(); remove => throw new NotImplementedException(); }

    /// <summary>Starts to listen.</summary>
    /// <param name="handler">
    /// Called for each delivery, up to <see cref="TimerOptions.MaxConcurrency"/> at a time. Its token fires when the lease is lost or the node
    /// leaves and the handler overruns.
    /// </param>
    /// <param name="cancellationToken">Gives up joining.</param>
    /// <returns>A task that ends when the store knows this node.</returns>
    /// <exception cref="InvalidOperationException">The timer is joined already.</exception>
    public Task JoinAsync(Func<TimerDelivery, CancellationToken, Task> handler, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Stops to listen: nothing more is claimed; running handlers get <see cref="TimerOptions.LeaveTimeout"/>; what has not begun is handed back at once.</summary>
    /// <param name="cancellationToken">Ends the wait for running handlers early: their tokens fire.</param>
    /// <returns>A task that ends when this node holds nothing more.</returns>
    public Task LeaveAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Posts an event of bytes.</summary>
    /// <param name="payload">Its bytes: at most <see cref="TimerOptions.MaxPayloadBytes"/>.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting; a post that was sent may still happen.</param>
    /// <returns>The id, and what the post did.</returns>
    public Task<PostResult> PostAsync(ReadOnlyMemory<byte> payload, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc cref="PostAsync(ReadOnlyMemory{byte}, Due, PostOptions?, CancellationToken)"/>
    public Task<PostResult> PostAsync(byte[] payload, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Posts an event as JSON.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting; a post that was sent may still happen.</param>
    /// <returns>The id, and what the post did.</returns>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public Task<PostResult> PostAsync<T>(T value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Posts an event as JSON, without reflection.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="typeInfo">How to write it.</param>
    /// <param name="due">When it is due: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting; a post that was sent may still happen.</param>
    /// <returns>The id, and what the post did.</returns>
    public Task<PostResult> PostAsync<T>(T value, JsonTypeInfo<T> typeInfo, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Posts many events, in bounded pieces that overlap. Each piece is atomic, the whole is not.</summary>
    /// <param name="posts">The events.</param>
    /// <param name="cancellationToken">Stops sending further pieces.</param>
    /// <returns>A result for each event, in order.</returns>
    /// <exception cref="TimerBatchException">Some piece failed; its <see cref="TimerBatchException.Results"/> tell what is known of each event.</exception>
    public Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost> posts, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Looks at an event in any state.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The event, or null if it is unknown.</returns>
    public Task<TimerSnapshot?> PeekAsync(string id, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Cancels an event: a scheduled one is removed, a dead one purged.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="revoke">Whether to remove it even in flight; the handler's token fires.</param>
    /// <param name="cancellationToken">Gives up waiting; a request that was sent may still happen.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    public Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="due">When it is due now: a <see cref="TimeSpan"/> or a <see cref="DateTimeOffset"/>.</param>
    /// <param name="cancellationToken">Gives up waiting; a request that was sent may still happen.</param>
    /// <returns><see cref="TimerOutcome.Done"/>; or <see cref="TimerOutcome.NotFound"/>, <see cref="TimerOutcome.InFlight"/> or <see cref="TimerOutcome.Dead"/>, and nothing was changed.</returns>
    public Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Confirms a delivery that this node holds.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/>, or <see cref="TimerOutcome.NotFound"/> if this node does not hold it.</returns>
    public Task<TimerOutcome> ConfirmAsync(string id, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Confirms a delivery from anywhere.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="token">The delivery's token.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    public Task<TimerOutcome> ConfirmAsync(string id, string token, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>
    /// Lists scheduled events in order of their due times, in pages, for any number of events. An event that stays scheduled at its time
    /// during the listing appears exactly once.
    /// </summary>
    /// <param name="offset">Start with what is due this long from now. Default: null, the earliest, overdue included.</param>
    /// <param name="duration">The length of the window from there. Default: null, to the end.</param>
    /// <param name="limit">The most events. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    public IAsyncEnumerable<TimerSnapshot> UpcomingAsync(TimeSpan? offset = null, TimeSpan? duration = null, long? limit = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Lists the nodes that joined this namespace, and those that fell silent in the last hour.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The nodes, by id.</returns>
    public Task<IReadOnlyList<TimerNode>> NodesAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Counts events by state and reads the age of the oldest overdue one, at a cost that does not grow with their number.</summary>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The counts.</returns>
    public Task<TimerStats> StatsAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Leaves, if joined, and releases what the timer holds. The store stays open.</summary>
    /// <returns>A task that ends when it is done.</returns>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
