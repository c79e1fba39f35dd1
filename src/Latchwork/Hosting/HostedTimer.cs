using System.Data.Common;
using System.Text.Json;

namespace Latchwork.Hosting;

/// <summary>The typed face of a <see cref="DistributedTimer"/>.</summary>
internal sealed class HostedTimer<TEvent>(DistributedTimer timer, EventFormat<TEvent> format, JsonSerializerOptions? json) : IDistributedTimer<TEvent>
{
    public string Namespace => timer.Namespace;

    public Task<PostResult> PostAsync(TEvent value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) =>
        timer.PostAsync(Write(value), due, options, cancellationToken);

    public Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost<TEvent>> posts, CancellationToken cancellationToken = default) =>
        timer.PostAsync(Write(posts), cancellationToken);

    public ITransactionalTimer<TEvent> WithTransaction(DbTransaction transaction) => new InTransaction(this, timer.WithTransaction(transaction));

    public Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default) =>
        timer.CancelAsync(id, revoke, cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default) =>
        timer.ChangeDelayAsync(id, due, cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(string id, CancellationToken cancellationToken = default) => timer.PeekAsync(id, cancellationToken);

    public IAsyncEnumerable<TimerSnapshot> UpcomingAsync(
        TimeSpan? offset = null, TimeSpan? duration = null, long? limit = null, CancellationToken cancellationToken = default) =>
        timer.UpcomingAsync(offset, duration, limit, cancellationToken);

    public IAsyncEnumerable<TimerSnapshot> InFlightAsync(long? limit = null, CancellationToken cancellationToken = default) =>
        timer.InFlightAsync(limit, cancellationToken);

    public IAsyncEnumerable<TimerSnapshot> CompletedAsync(long? limit = null, CancellationToken cancellationToken = default) =>
        timer.CompletedAsync(limit, cancellationToken);

    public Task<TimerStats> GetStatsAsync(CancellationToken cancellationToken = default) => timer.GetStatsAsync(cancellationToken);

    public Task<TimerPause> PauseAsync(string reason, string? by = null, CancellationToken cancellationToken = default) => timer.PauseAsync(reason, by, cancellationToken);

    public Task<TimerPause?> ResumeAsync(CancellationToken cancellationToken = default) => timer.ResumeAsync(cancellationToken);

    public TEvent Read(TimerSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return format.Read(snapshot.Payload, json);
    }

    private ReadOnlyMemory<byte> Write(TEvent value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return format.Write(value, json);
    }

    private TimerPost[] Write(IReadOnlyList<TimerPost<TEvent>> posts)
    {
        ArgumentNullException.ThrowIfNull(posts);
        var bytes = new TimerPost[posts.Count];
        for (int i = 0; i < bytes.Length; i++)
        {
            TimerPost<TEvent> post = posts[i] ?? throw new ArgumentException($"'posts[{i}]' is null.", nameof(posts));
            if (post.Value is null) throw new ArgumentException($"The value of 'posts[{i}]' is null.", nameof(posts));
            bytes[i] = new TimerPost(format.Write(post.Value, json), post.Due, post.Options);
        }

        return bytes;
    }

    private sealed class InTransaction(HostedTimer<TEvent> timers, TransactionalTimer inner) : ITransactionalTimer<TEvent>
    {
        public Task<PostResult> PostAsync(TEvent value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default) =>
            inner.PostAsync(timers.Write(value), due, options, cancellationToken);

        public Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost<TEvent>> posts, CancellationToken cancellationToken = default) =>
            inner.PostAsync(timers.Write(posts), cancellationToken);

        public Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default) =>
            inner.CancelAsync(id, revoke, cancellationToken);

        public Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default) =>
            inner.ChangeDelayAsync(id, due, cancellationToken);
    }
}
