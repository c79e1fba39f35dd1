using System.Text.Json;

namespace Latchwork.Hosting;

/// <summary>The typed face of a <see cref="DistributedTimer"/>.</summary>
internal sealed class HostedTimer<TEvent>(DistributedTimer timer, EventFormat<TEvent> format, JsonSerializerOptions? json) : IDistributedTimer<TEvent>
{
    public string Namespace => timer.Namespace;

    public Task<PostResult> PostAsync(TEvent value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        return timer.PostAsync(format.Write(value, json), due, options, cancellationToken);
    }

    public Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost<TEvent>> posts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(posts);
        var bytes = new TimerPost[posts.Count];
        for (int i = 0; i < bytes.Length; i++)
        {
            TimerPost<TEvent> post = posts[i] ?? throw new ArgumentException($"'posts[{i}]' is null.", nameof(posts));
            if (post.Value is null) throw new ArgumentException($"The value of 'posts[{i}]' is null.", nameof(posts));
            bytes[i] = new TimerPost(format.Write(post.Value, json), post.Due, post.Options);
        }

        return timer.PostAsync(bytes, cancellationToken);
    }

    public Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default) =>
        timer.CancelAsync(id, revoke, cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default) =>
        timer.ChangeDelayAsync(id, due, cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(string id, CancellationToken cancellationToken = default) => timer.PeekAsync(id, cancellationToken);

    public IAsyncEnumerable<TimerSnapshot> UpcomingAsync(
        TimeSpan? offset = null, TimeSpan? duration = null, long? limit = null, CancellationToken cancellationToken = default) =>
        timer.UpcomingAsync(offset, duration, limit, cancellationToken);

    public Task<TimerStats> GetStatsAsync(CancellationToken cancellationToken = default) => timer.GetStatsAsync(cancellationToken);

    public Task<TimerPause> PauseAsync(string reason, string? by = null, CancellationToken cancellationToken = default) => timer.PauseAsync(reason, by, cancellationToken);

    public Task<TimerPause?> ResumeAsync(CancellationToken cancellationToken = default) => timer.ResumeAsync(cancellationToken);

    public TEvent Read(TimerSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return format.Read(snapshot.Payload, json);
    }
}
